"""Real clients of a stand-in for Dokku: some that go away, some that race, some that come through a proxy."""

from __future__ import annotations

import asyncio
import signal
import subprocess

from tests.real.dokku.machine import until
from tests.real.dokku.proxy import Proxy
from tests.real.dokku.server import DokkuServer


def started(server: DokkuServer, line: str) -> subprocess.Popen[bytes]:
    """A client that nobody waits for yet."""
    return subprocess.Popen(
        server.ssh(line), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )


def ended(client: subprocess.Popen[bytes]) -> tuple[int, str]:
    """Its exit code, and all that it has said."""
    out, _ = client.communicate(timeout=30)
    return client.returncode, out.decode()


def deploy(server: DokkuServer, app: str, image: str) -> subprocess.CompletedProcess[str]:
    """Its repository gets this image, and it goes live if it can."""
    return server.ask(f"git:from-image {app} {server.image(image)}")


def drop(server: DokkuServer, command: str, step: str) -> None:
    """The client is killed in the midst of this step."""
    begun = len([entry for entry in server.steps() if entry["step"] == step])
    with server.held(step):
        client = started(server, command)
        until(lambda: len([entry for entry in server.steps() if entry["step"] == step]) > begun, step)
        client.kill()
        assert ended(client)[0] == -signal.SIGKILL
        server.await_quiet()


def race(server: DokkuServer, command: str) -> tuple[int, str, str]:
    """A deployment of v1 has begun before, and ends after."""
    app = command.split()[1]
    begun = len([entry for entry in server.steps(app) if entry["step"] == "checks"])
    with server.held("checks"):
        first = started(server, f"git:from-image {app} {server.image('v1')}")
        server.await_step(app, "checks", begun + 1)
        second = server.ask(command)
    assert ended(first)[0] == 0
    return second.returncode, second.stdout, second.stderr


async def through(server: DokkuServer, proxy: Proxy, line: str) -> asyncio.subprocess.Process:
    """A client that reaches the server through the proxy."""
    nothing, pipe = subprocess.DEVNULL, subprocess.PIPE
    return await asyncio.create_subprocess_exec(
        *server.ssh(line, proxy.port), stdin=nothing, stdout=pipe, stderr=subprocess.STDOUT
    )
