"""A body is waited for, but not for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import httpx
import pytest
from starlette.responses import PlainTextResponse
from tests.unit.api.house import problem_of

from ownstack_api.limits import BodyLimit


async def never() -> AsyncIterator[bytes]:
    await asyncio.get_running_loop().create_future()
    yield b""


async def never_all() -> AsyncIterator[bytes]:
    yield b"{"
    await asyncio.get_running_loop().create_future()


@pytest.mark.parametrize("body", [never, never_all])
async def test_a_body_that_does_not_come_is_given_up(body: Callable[[], AsyncIterator[bytes]]) -> None:
    async with impatient() as client:
        response = await asyncio.wait_for(client.post("/", content=body()), 5)
    assert problem_of(response) == (408, "request-timeout")
    assert response.headers["connection"] == "close"


async def test_a_body_that_has_come_is_no_matter_of_patience() -> None:
    async with impatient() as client:
        assert (await client.post("/", content=b"{}")).text == "read"


def impatient() -> httpx.AsyncClient:
    app = BodyLimit(PlainTextResponse("read"), limit=10, patience=0)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api")
