"""`ownstack serve api`: the composition root."""

from __future__ import annotations

import asyncio
import socket

from ownstack.exits import Exit, Failure
from ownstack.serve.databases import database, readmodel_of
from ownstack.serve.meters import PrometheusMeter
from ownstack.serve.opening import bus_of
from ownstack.serve.running import live
from ownstack.serve.settings import DatabaseSettings, ProcessSettings
from ownstack.supervision import Service
from ownstack_api.app import create_app
from ownstack_api.main import listen, serve, url_of
from ownstack_api.parts import Parts
from ownstack_api.settings import Settings
from ownstack_vault import Vault, VaultUnusable, open_vault


async def run(process: ProcessSettings) -> bool:
    """Run until a signal, then finish the requests under way. Raises Failure."""
    settings = Settings()
    readmodel = await readmodel_of(process)
    try:
        vault = await vault_of(process)
        bus = await bus_of(process, PrometheusMeter())
        listener = _listening(settings)
        try:
            app = create_app(Parts(bus, readmodel, vault, settings))
            service = Service("api", lambda: serve(app, settings, asyncio.Event(), listener))
            return await live([service], process, f"at {url_of(listener)}")
        finally:
            listener.close()
            await bus.close()
            vault.close()
    finally:
        readmodel.close()


async def vault_of(process: ProcessSettings) -> Vault:
    """The vault, open. Raises Failure."""
    settings = DatabaseSettings()  # type: ignore[call-arg] # the environment gives it

    def away(error: Exception) -> bool:
        return isinstance(error, VaultUnusable) and error.passing

    try:
        return await database(open_vault, away, settings, process.start_patience)
    except VaultUnusable as error:
        raise Failure(error.code, error.message, hint=error.hint, exit_code=Exit.UNAVAILABLE) from error


def _listening(settings: Settings) -> socket.socket:
    try:
        return listen(settings)
    except OSError as error:
        where = f"{settings.host}:{settings.port}"
        hint = "Choose others with OWNSTACK_API_HOST and OWNSTACK_API_PORT."
        raise Failure(
            "cannot-listen", f"Can't listen on {where}: {error.strerror}.", hint=hint, exit_code=Exit.FAILED
        ) from None
