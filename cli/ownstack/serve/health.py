"""`/healthz`, `/readyz` and `/metrics` of a service that serves nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Generator

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ownstack.exits import Failure

READY_TIMEOUT = 5.0
"""Seconds."""

Ready = Callable[[], Awaitable[str | None]]
"""What is in the way of being ready, as a sentence; None: nothing."""


def health_app(ready: Ready) -> Starlette:
    """The three pages. They say nothing of any team, so they ask for no token."""

    async def healthz(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def readyz(_: Request) -> Response:
        try:
            async with asyncio.timeout(READY_TIMEOUT):
                obstacle = await ready()
        except TimeoutError:
            obstacle = "What it depends on does not answer."
        if obstacle is None:
            return JSONResponse({"status": "ok"})
        problem = {"title": "Not ready", "status": 503, "code": "not-ready", "detail": obstacle}
        return JSONResponse(problem, 503, {"Retry-After": "1"}, "application/problem+json")

    async def metrics(_: Request) -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    pages = {"/healthz": healthz, "/readyz": readyz, "/metrics": metrics}
    return Starlette(routes=[Route(path, page) for path, page in pages.items()])


def listen(host: str, port: int) -> socket.socket:
    """Take the address. Raises Failure `cannot-listen`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        hint = "Choose others with OWNSTACK_HEALTH_HOST and OWNSTACK_HEALTH_PORT."
        raise Failure("cannot-listen", f"Can't listen on {host}:{port}: {error.strerror}.", hint=hint) from None


async def serve_health(listener: socket.socket, ready: Ready) -> None:
    """Serve until cancelled."""
    config = uvicorn.Config(
        health_app(ready), ws="none", lifespan="off", log_config=None, access_log=False, server_header=False
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        await asyncio.shield(serving)
    except asyncio.CancelledError:
        server.should_exit = True
        await serving
        raise


class _Server(uvicorn.Server):
    """Uvicorn has no other way to be told to leave signals alone."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield
