"""Serves the API: the composition root's part that listens. `ownstack up` runs it beside the other services."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Generator

import uvicorn
from fastapi import FastAPI

from ownstack_api.connections import prompt_within
from ownstack_api.parts import Parts
from ownstack_api.settings import Settings

BACKLOG = 2_048


def listen(settings: Settings) -> socket.socket:
    """Take the address of `settings`; with port 0 one that is free (`url_of` tells which).

    Raises OSError if the port is taken or the address is not of this machine.
    """
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.create_server((settings.host, settings.port), family=family, backlog=BACKLOG)
    # Connections inherit it. asyncio sets it only on sockets that name their protocol, and without it the body of an
    # answer waits up to 40 ms for the acknowledgement of its head.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def url_of(listener: socket.socket) -> str:
    """Where the API is found, as a URL without a path."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def serve(app: FastAPI, settings: Settings, ready: asyncio.Event, listener: socket.socket | None = None) -> None:
    """Serve `app` until cancelled; `ready` is set once requests are taken. `listener` None: one from `settings`.

    Cancelled, it ends the open streams, finishes the requests under way (for `shutdown_grace` seconds at most), and
    closes the listener. It handles no signals. Raises OSError if it can't listen.
    """
    config = uvicorn.Config(
        app,
        http=prompt_within(settings.header_timeout),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=settings.shutdown_grace,
    )
    server = _Server(config, ready)
    serving = asyncio.create_task(server.serve(sockets=[listener or listen(settings)]))
    try:
        await asyncio.shield(serving)
    except asyncio.CancelledError:
        Parts.of(app).stop()
        server.should_exit = True
        await serving
        raise


class _Server(uvicorn.Server):
    """Uvicorn has no other way to be told to leave signals alone, and to tell when it has started."""

    def __init__(self, config: uvicorn.Config, ready: asyncio.Event) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield
