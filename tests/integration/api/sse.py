"""Reads server-sent events over HTTP."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any, NamedTuple

import httpx
import orjson


class Sent(NamedTuple):
    """One event."""

    id: int
    event: str
    data: dict[str, Any]


@asynccontextmanager
async def following(client: httpx.AsyncClient, path: str, **headers: str) -> AsyncIterator[AsyncGenerator[Sent, None]]:
    """The events of a stream, which is closed when the block ends."""
    async with client.stream("GET", path, headers=headers) as response:
        assert response.status_code == 200, await response.aread()
        async with aclosing(_events(response)) as events:
            yield events


async def _events(response: httpx.Response) -> AsyncGenerator[Sent, None]:
    fields: dict[str, str] = {}
    async for line in response.aiter_lines():
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
            continue
        if "data" in fields:
            yield Sent(int(fields["id"]), fields["event"], orjson.loads(fields["data"]))
        fields = {}


async def until(events: AsyncGenerator[Sent, None], kind: str) -> list[Sent]:
    """The events up to the first of this kind."""
    found = []
    async for sent in events:
        found.append(sent)
        if sent.event == kind:
            break
    return found
