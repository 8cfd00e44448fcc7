"""Seals and opens the values of config, with keys that it makes, wraps and finds in the vault."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping

from sqlalchemy import Connection

from ownstack_vault import keys, sealing
from ownstack_vault.errors import WRONG_KEY, WRONG_KEY_HINT, WRONG_KEY_SAYS, SecretUnreadable
from ownstack_vault.keys import KeyName
from ownstack_vault.sealing import SealedValue, Slot
from ownstack_vault.secretkeys import KEY_BYTES, SecretKeys, Wrapped
from ownstack_vault.store import Store


class Secrets:
    """A data key per creation of an app, a key per team for fingerprints. No key is kept in memory: one that is
    destroyed opens nothing from then on. Calls block for as long as the database takes, and raise what it raises; safe
    from many threads and processes."""

    def __init__(self, store: Store, secret_keys: SecretKeys) -> None:
        self._store, self._secret_keys = store, secret_keys

    def seal(self, slots: Mapping[Slot, str], now: int) -> dict[Slot, SealedValue]:
        """Each value for its slot, with its fingerprint. Keys that are missing are made, at `now` (ms since the epoch).

        Raises SecretUnreadable `config-erased` for a creation that is gone, and ValueError for what is no text.
        """
        wanted = {name for slot in slots for name in (_data_key(slot), KeyName("team", slot.team))}
        found = self._made(wanted, now)
        return {
            slot: SealedValue(
                sealing.seal(found[_data_key(slot)], slot, value),
                sealing.fingerprint(found[KeyName("team", slot.team)], value),
            )
            for slot, value in slots.items()
        }

    def unseal(self, sealed: Mapping[Slot, str]) -> dict[Slot, str]:
        """The plain values. Raises SecretUnreadable `config-erased`, `config-key-missing`, `config-damaged`,
        `secret-key-wrong`."""
        wanted = {_data_key(slot) for slot in sealed}
        with self._store.reading() as connection:
            found = self._opened(keys.found(connection, wanted))
        if missing := wanted - found.keys():
            raise _missing(min(missing))
        return {slot: sealing.unseal(found[_data_key(slot)], slot, text) for slot, text in sealed.items()}

    def rewrap(self) -> int:
        """Wrap all keys, and the secrets of webhooks, with the present secret key: all of them, or none.

        Returns how many were wrapped with another. Raises SecretUnreadable `secret-key-wrong`, `config-damaged`.
        """
        with self._store.writing() as connection:
            return sum(
                keys.rewrap(connection, kept, self._wrapped_anew(kept.name, kept.wrapped))
                for kept in keys.not_under(connection, self._secret_keys.present)
                if kept.wrapped is not None
            )

    def _wrapped_anew(self, name: KeyName, wrapped: Wrapped) -> Wrapped:
        return self._secret_keys.wrap(name, self._secret_keys.unwrap(name, wrapped))

    def _made(self, wanted: set[KeyName], now: int) -> dict[KeyName, bytes]:
        """All these keys. Of several processes that make one at once, all get that of the first."""
        with self._store.reading() as connection:
            there = keys.found(connection, wanted)
        if wanted - there.keys():
            with self._store.writing() as connection:
                self._make(connection, sorted(wanted - there.keys()), now)
                there = keys.found(connection, wanted)
        return self._opened(there)

    def _make(self, connection: Connection, names: Iterable[KeyName], now: int) -> None:
        refuse_unknown(connection, self._secret_keys)
        for name in names:
            keys.add(connection, name, self._secret_keys.wrap(name, secrets.token_bytes(KEY_BYTES)), now)

    def _opened(self, there: Mapping[KeyName, Wrapped | None]) -> dict[KeyName, bytes]:
        return {name: self._open(name, wrapped) for name, wrapped in there.items()}

    def _open(self, name: KeyName, wrapped: Wrapped | None) -> bytes:
        if wrapped is None:
            message = f"The config of {name.name} is erased for good, as the app was destroyed."
            raise SecretUnreadable("config-erased", message, "An app that is made anew has a config of its own.")
        return self._secret_keys.unwrap(name, wrapped)


def refuse_unknown(connection: Connection, secret_keys: SecretKeys) -> None:
    """Nothing is made beside keys that can't be opened: raises SecretUnreadable `secret-key-wrong`."""
    if secret_keys.unknown(keys.secret_keys(connection)):
        raise SecretUnreadable(WRONG_KEY, WRONG_KEY_SAYS, WRONG_KEY_HINT)


def _data_key(slot: Slot) -> KeyName:
    return KeyName("data", slot.team, slot.app_id)


def _missing(name: KeyName) -> SecretUnreadable:
    return SecretUnreadable(
        "config-key-missing",
        f"The vault has no key for the config of {name.name}.",
        "Is this the database that the api uses? If its keys were forgotten or lost, set the values anew.",
    )
