"""Founds a team on a distributed installation: the command on the bus, and its first token in the vault."""

from __future__ import annotations

import time

from sqlalchemy.exc import DBAPIError

from ownstack.exits import Exit, Failure
from ownstack.firststart import creation
from ownstack.serve.databases import failed
from ownstack.serve.opening import bus_of
from ownstack.serve.settings import ProcessSettings
from ownstack.serve.vaults import vault_of
from ownstack_bus.meter import Unmetered
from ownstack_bus.port import BusError
from ownstack_vault import Vault, ensure_first_token


async def found(team: str, *, new_token: bool) -> str | None:
    """Make sure that `team` exists; returns the secret of a new token, or None: it has one, and no other was asked for.

    Killed half way, the same command does the rest. Raises Failure.
    """
    process = ProcessSettings()  # type: ignore[call-arg] # the environment gives it
    vault = await vault_of(process)
    try:
        bus = await bus_of(process, Unmetered())
        try:
            await bus.publish([creation(team, "/ownstack/cli")])
        finally:
            await bus.close()
        return _secret(vault, team, new_token=new_token)
    except BusError as error:
        raise Failure(error.code, str(error), exit_code=Exit.UNAVAILABLE) from error
    except DBAPIError as error:
        raise failed(error) from error
    finally:
        vault.close()


def _secret(vault: Vault, team: str, *, new_token: bool) -> str | None:
    valid = [token for token in vault.tokens.list(team, 200) if token.revoked_at is None]
    if valid and not new_token:
        return None
    now = time.time_ns() // 1_000_000
    if not valid:
        return ensure_first_token(vault.tokens, team, now)
    return vault.tokens.add(team, f"operator-{now}", now).secret
