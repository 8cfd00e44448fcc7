"""What comes over the wire that no client library would send."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from tests.integration.api.circle import TEAM, Circle, running

from ownstack_contracts.topics import COMMANDS

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def circle(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Circle]:
    """One for all: none of this may harm it."""
    async with running(tmp_path_factory.mktemp("circle")) as circle:
        yield circle


async def answer(circle: Circle, *sent: bytes) -> bytes:
    """All that the server says to these bytes until it closes, or until a whole answer is there."""
    parts = urlsplit(circle.url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        for piece in sent:
            writer.write(piece)
            await writer.drain()
        head = await reader.readuntil(b"\r\n\r\n")
        return head + await reader.read(65_536)
    except (ConnectionError, asyncio.IncompleteReadError):
        return b""
    finally:
        writer.close()


def request(circle: Circle, *lines: str, method: str = "DELETE", path: str = "/api/v1/apps/shop") -> bytes:
    token = f"Authorization: Bearer {circle.secrets[TEAM]}"
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: evil.example", token, *lines, "", ""]).encode("latin-1")


async def commands(circle: Circle) -> int:
    ends = [await circle.bus.end(COMMANDS.name, p) for p in range(await circle.bus.partitions(COMMANDS.name))]
    return sum(ends)


async def test_a_key_can_add_no_header_to_the_answer(circle: Circle) -> None:
    found = await answer(circle, request(circle, "Idempotency-Key: a\r\nSet-Cookie: x=y"))
    assert found.startswith(b"HTTP/1.1 202")
    assert b"location: /api/v1/commands/a\r\n" in found
    assert b"set-cookie" not in found.lower()


@pytest.mark.parametrize("key", ["a\rSet-Cookie: x", "a\nb", "a\x00b", "a\x85b", "a\xadb", "\x7f"])
async def test_a_key_with_what_is_no_text_is_refused(circle: Circle, key: str) -> None:
    before = await commands(circle)
    found = await answer(circle, request(circle, f"Idempotency-Key: {key}"))
    assert found.split(b" ")[1] in (b"400", b"422")
    assert b"set-cookie: x" not in found.lower()
    assert await commands(circle) == before


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /api/v1/me HTTP/1.1\r\n\r\n",
        b"GET /%ff%fe HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET http://evil.example/api/v1/me HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X: x\r\n" * 20_000 + b"\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
        b"CONNECT evil.example:443 HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
async def test_nonsense_is_refused_and_the_house_stands(circle: Circle, sent: bytes) -> None:
    found = await answer(circle, sent, b"")
    assert found == b"" or found.split(b" ")[1] in (b"400", b"401", b"404", b"405", b"431"), found[:200]
    assert (await circle.client.get("/healthz")).status_code == 200


JSON = "Content-Type: application/json"


async def test_a_chunked_body_without_end_is_refused_once_it_is_too_large(circle: Circle) -> None:
    chunk = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    head = request(circle, JSON, "Transfer-Encoding: chunked", method="POST", path="/api/v1/apps")
    found = await answer(circle, head, *[chunk] * 70)
    assert found.startswith(b"HTTP/1.1 413")
    assert b"body-too-large" in found


async def test_a_body_that_is_declared_too_large_is_refused_before_it_comes(circle: Circle) -> None:
    head = request(circle, JSON, "Content-Length: 10000000", method="POST", path="/api/v1/apps")
    assert (await answer(circle, head)).startswith(b"HTTP/1.1 413")


async def test_a_body_is_not_even_awaited_without_a_token(circle: Circle) -> None:
    head = b"POST /api/v1/apps HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"
    assert (await answer(circle, head)).startswith(b"HTTP/1.1 401")


async def test_two_lengths_that_differ_are_refused(circle: Circle) -> None:
    before = await commands(circle)
    body = b'{"name": "shop"}'
    head = request(circle, JSON, "Content-Length: 16", "Content-Length: 3", method="POST", path="/api/v1/apps")
    assert (await answer(circle, head + body)).startswith(b"HTTP/1.1 400")
    assert await commands(circle) == before


async def test_who_leaves_in_the_middle_of_a_body_has_said_nothing(circle: Circle) -> None:
    before = await commands(circle)
    parts = urlsplit(circle.url)
    _, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(request(circle, JSON, "Content-Length: 16", method="POST", path="/api/v1/apps") + b'{"name": "sh')
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    assert (await circle.client.get("/healthz")).status_code == 200
    assert await commands(circle) == before


async def test_a_reader_who_stops_reading_and_goes_leaves_nothing_behind(circle: Circle) -> None:
    """So much is to be sent that it does not fit into the buffers on the way."""
    stacks = [f"stack-{'x' * 50}-{number}" for number in range(3_000)]
    body = {"type": "AppCreated", "data": {"app": "shop", "stacks": stacks}}
    for _ in range(60):
        await circle.client.post("/api/v1/commands", json=body)
    parts = urlsplit(circle.url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port, limit=1_024)
    writer.write(request(circle, method="GET", path="/api/v1/events?after=0"))
    assert b"200" in await reader.readline()
    assert len(circle.parts.streams) == 1

    writer.transport.abort()
    while len(circle.parts.streams):
        await asyncio.sleep(0.01)
    assert circle.readmodel.changes.watches == 0
