"""`ownstack serve api`: the composition root."""

from __future__ import annotations

import asyncio
import socket

from ownstack.exits import Exit, Failure
from ownstack.serve.databases import readmodel_of
from ownstack.serve.meters import PrometheusMeter
from ownstack.serve.opening import bus_of
from ownstack.serve.running import live
from ownstack.serve.secretkeys import keys_needed
from ownstack.serve.settings import ProcessSettings
from ownstack.serve.vaults import vault_of
from ownstack.supervision import Service
from ownstack_api.app import create_app
from ownstack_api.erasing import erase
from ownstack_api.main import listen, serve, url_of
from ownstack_api.parts import Parts
from ownstack_api.settings import Settings


async def run(process: ProcessSettings) -> bool:
    """Run until a signal, then finish the requests under way. Raises Failure."""
    settings = Settings()
    keys = keys_needed()
    readmodel = await readmodel_of(process)
    try:
        vault = await vault_of(process, keys)
        bus = await bus_of(process, PrometheusMeter())
        listener = _listening(settings)
        try:
            parts = Parts(bus, readmodel, vault, settings)
            app = create_app(parts)
            services = [
                Service("api", lambda: serve(app, settings, asyncio.Event(), listener)),
                Service("erasing", lambda: erase(bus, vault.erasing, parts.meters)),
            ]
            return await live(services, process, f"at {url_of(listener)}")
        finally:
            listener.close()
            await bus.close()
            vault.close()
    finally:
        readmodel.close()


def _listening(settings: Settings) -> socket.socket:
    try:
        return listen(settings)
    except OSError as error:
        where = f"{settings.host}:{settings.port}"
        hint = "Choose others with OWNSTACK_API_HOST and OWNSTACK_API_PORT."
        raise Failure(
            "cannot-listen", f"Can't listen on {where}: {error.strerror}.", hint=hint, exit_code=Exit.FAILED
        ) from None
