"""Listening: where, and how connections are set up."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import AsyncIterator

import pytest
from tests.unit.api.house import House

from ownstack_api.main import listen, serve, url_of
from ownstack_api.settings import Settings


def test_it_listens_on_this_machine_only_unless_told_otherwise() -> None:
    with listen(Settings(port=0)) as listener:
        host, port = listener.getsockname()
        assert host == "127.0.0.1"
        assert url_of(listener) == f"http://127.0.0.1:{port}"


def test_an_ipv6_address_is_written_in_brackets() -> None:
    with listen(Settings(host="::1", port=0)) as listener:
        assert url_of(listener) == f"http://[::1]:{listener.getsockname()[1]}"


def test_a_taken_port_is_an_error() -> None:
    with listen(Settings(port=0)) as listener, pytest.raises(OSError, match="in use") as taken:
        listen(Settings(port=listener.getsockname()[1]))
    assert taken.value.errno == errno.EADDRINUSE


def test_answers_do_not_wait_for_acknowledgements() -> None:
    with listen(Settings(port=0)) as listener, socket.create_connection(listener.getsockname()):
        connection, _ = listener.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@pytest.fixture
async def address(house: House) -> AsyncIterator[tuple[str, int]]:
    """Where the house listens; it waits for a first request for a second."""
    settings = Settings(port=0, header_timeout=1.0)
    ready = asyncio.Event()
    with listen(settings) as listener:
        serving = asyncio.create_task(serve(house.app, settings, ready, listener))
        await ready.wait()
        yield listener.getsockname()
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


@pytest.mark.parametrize("said", [b"", b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: "])
async def test_who_does_not_get_to_the_end_of_a_first_request_is_not_waited_for(
    address: tuple[str, int], said: bytes
) -> None:
    reader, writer = await asyncio.open_connection(*address)
    writer.write(said)
    assert await reader.read() == b""
    writer.close()


async def test_who_has_asked_once_may_wait(address: tuple[str, int]) -> None:
    asking, told = await asyncio.open_connection(*address)
    told.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    assert await asking.readline() == b"HTTP/1.1 200 OK\r\n"
    silent, nothing = await asyncio.open_connection(*address)
    assert await silent.read() == b""  # so the time is over, and that of the other one was before
    told.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert b"HTTP/1.1 200 OK" in await asking.read()
    told.close()
    nothing.close()
