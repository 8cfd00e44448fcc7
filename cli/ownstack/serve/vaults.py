"""Opens the vault, with the secret key or without. Only services that have the extras import it."""

from __future__ import annotations

import logging

from ownstack.exits import Exit, Failure
from ownstack.serve.databases import database
from ownstack.serve.secretkeys import keys_given
from ownstack.serve.settings import DatabaseSettings, ProcessSettings, SecretKeySettings, VaultSettings
from ownstack_vault import SecretKeys, Vault, VaultUnusable, open_vault

log = logging.getLogger(__name__)


async def vault_of(process: ProcessSettings, keys: SecretKeys | None = None) -> Vault:
    """The vault, open. keys: None where nothing is to be sealed or opened. Raises Failure."""
    settings = DatabaseSettings()  # type: ignore[call-arg] # the environment gives it

    def away(error: Exception) -> bool:
        return isinstance(error, VaultUnusable) and error.passing

    try:
        return await database(lambda url: open_vault(url, None, keys), away, settings, process.start_patience)
    except VaultUnusable as error:
        raise Failure(error.code, error.message, hint=error.hint, exit_code=Exit.UNAVAILABLE) from error


async def vault_if_given(process: ProcessSettings) -> Vault | None:
    """The vault, open, with the secret key; None, and a word in the log, where the environment does not give both.

    Raises Failure if what it gives can't be used.
    """
    keys = keys_given(SecretKeySettings())
    missing = [
        name for name, there in (("OWNSTACK_SECRET_KEY", keys), ("OWNSTACK_DATABASE", _database_given())) if not there
    ]
    if missing:
        log.warning("without %s no app that has config can be deployed here", " and ".join(missing))
        return None
    return await vault_of(process, keys)


def _database_given() -> bool:
    """One that is empty is none, as with the secret key."""
    given = VaultSettings().database
    return given is not None and bool(given.get_secret_value().strip())
