"""The vault as it is handed around, once it is open: tokens, and beside them what is sealed with the secret key."""

from __future__ import annotations

from ownstack_vault import keys
from ownstack_vault.erasing import Erasing
from ownstack_vault.errors import missing_secret_key
from ownstack_vault.hooks import Hooks
from ownstack_vault.secretkeys import SecretKeys
from ownstack_vault.secrets import Secrets
from ownstack_vault.store import Store
from ownstack_vault.tokens import Tokens


class Vault:
    """A door to each of its parts, which share a database.

    Calls block for as long as that takes; safe from many threads. secret_keys: None where nothing is to be sealed or
    opened. tokens: who may speak for a team. erasing: a sink of the history, see there.
    """

    def __init__(self, store: Store, secret_keys: SecretKeys | None = None) -> None:
        self._store, self._secret_keys = store, secret_keys
        self.tokens = Tokens(store)
        self.erasing = Erasing(store)

    @property
    def secrets(self) -> Secrets:
        """Values of config, sealed and opened. Raises VaultUnusable `secret-key-missing`."""
        return Secrets(self._store, self._given())

    @property
    def hooks(self) -> Hooks:
        """Secrets of webhooks. Raises VaultUnusable `secret-key-missing`."""
        return Hooks(self._store, self._given())

    def forget_lost(self, secret_keys: SecretKeys) -> int:
        """Remove all keys that none of `secret_keys` opens: what was sealed with them is lost, and others may take
        their place. Returns how many."""
        with self._store.writing() as connection:
            return keys.forget_under(connection, secret_keys.unknown(keys.secret_keys(connection)))

    def close(self) -> None:
        """Let go of the database."""
        self._store.engine.dispose()

    def _given(self) -> SecretKeys:
        if self._secret_keys is None:
            raise missing_secret_key()
        return self._secret_keys
