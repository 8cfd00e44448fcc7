"""Server-sent events: how they are written, and a response that ends when its reader, its token or the house does.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ownstack_api.auth import Who
from ownstack_api.handlers import DATABASE_AWAY
from ownstack_api.limits import Streams
from ownstack_api.problems import Problem, respond

log = logging.getLogger(__name__)

MEDIA_TYPE = "text/event-stream"
HEARTBEAT = b": \n\n"

Chunks = Callable[[asyncio.Event], AsyncGenerator[bytes, None]]
"""Makes what is sent; it stops soon after the event is set."""

_HEADERS = [
    (b"content-type", MEDIA_TYPE.encode()),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]


def opening(at: int) -> bytes:
    """Sent first: no event, but where the stream begins, so that a reader who loses it at once can go on from there."""
    return f"id: {at}\n\n".encode()


def event(at: int, kind: str, json: bytes) -> bytes:
    """One event. `json` is on one line, as compact JSON always is."""
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (at, kind.encode(), json)


class EventStream(Response):
    """Holds one of the token's places while it is open; 429 when there is none."""

    media_type = MEDIA_TYPE

    def __init__(self, streams: Streams, who: Who, limit: int, chunks: Chunks) -> None:
        super().__init__()
        self._streams = streams
        self._who = who
        self._limit = limit
        self._chunks = chunks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it."""
        try:
            with self._streams.opened(self._who.token_id, self._limit) as end:
                await self._stream(end, receive, send)
        except Problem as problem:
            await respond(problem)(scope, receive, send)

    async def _stream(self, end: asyncio.Event, receive: Receive, send: Send) -> None:
        listening = asyncio.create_task(_listen(receive, end))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
            try:
                async with aclosing(self._chunks(end)) as chunks:
                    async for chunk in chunks:
                        await send({"type": "http.response.body", "body": chunk, "more_body": True})
            except DATABASE_AWAY as error:  # its reader comes again, and goes on from where it is
                log.warning("a stream ends, since the database does not answer: %s", getattr(error, "orig", error))
            await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)


async def _listen(receive: Receive, end: asyncio.Event) -> None:
    """Whoever has gone is not written to any more."""
    while (await receive())["type"] != "http.disconnect":
        pass
    end.set()
