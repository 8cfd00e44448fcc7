"""The secrets that webhooks are signed with: one per pipeline, kept as the keys are."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

from ownstack_vault import keys
from ownstack_vault.keys import Kept, KeyName
from ownstack_vault.sealing import utf8
from ownstack_vault.secretkeys import SecretKeys
from ownstack_vault.secrets import refuse_unknown
from ownstack_vault.store import Store

SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class Hook:
    """Who signs with a secret: the forge, for the pipeline of `production`."""

    team: str
    production: str
    secret: str = field(repr=False)


class Hooks:
    """The secrets of all teams. Calls block; safe from many threads and processes."""

    def __init__(self, store: Store, secret_keys: SecretKeys) -> None:
        self._store, self._secret_keys = store, secret_keys

    def put(self, team: str, production: str, now: int, secret: str | None = None) -> str:
        """Keep `secret`, or a new random one, in the place of that which there may be; returns it. now: ms since the
        epoch. Raises SecretUnreadable `secret-key-wrong`, and ValueError for what is no text."""
        kept = secret if secret is not None else secrets.token_urlsafe(SECRET_BYTES)
        name = KeyName("hook", team, production)
        wrapped = self._secret_keys.wrap(name, utf8(kept))
        with self._store.writing() as connection:
            refuse_unknown(connection, self._secret_keys)
            keys.put(connection, name, wrapped, now)
        return kept

    def find(self, team: str | None = None, production: str | None = None) -> Sequence[Hook]:
        """Those of `team`, and of the pipeline of `production`; of all, where they are not given. Raises
        SecretUnreadable `secret-key-wrong`, `config-damaged`."""
        with self._store.reading() as connection:
            found = keys.of_kind(connection, "hook", team, production)
        return [self._opened(kept) for kept in found]

    def has(self, team: str, production: str) -> bool:
        """Whether there is one."""
        with self._store.reading() as connection:
            return bool(keys.found(connection, [KeyName("hook", team, production)]))

    def _opened(self, kept: Kept) -> Hook:
        assert kept.wrapped is not None  # hooks are replaced, never destroyed
        return Hook(kept.name.team, kept.name.name, self._secret_keys.unwrap(kept.name, kept.wrapped).decode())
