"""How large a request's body may be, with or without a Content-Length, how many streams a token may hold open, and how
many requests of strangers are taken at once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import NamedTuple

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ownstack_api.problems import Problem, respond

DRAINED = 16
"""How many times the limit of a too large body is read and thrown away: to be answered, a caller must first be heard
out. One who is further off may lose the answer with the connection."""


PATIENCE_S = 30.0
"""A body has so long to come."""


class Bounds(NamedTuple):
    """Of a body: at most `size` bytes, after `patience` seconds at most."""

    size: int
    patience: float = PATIENCE_S


_NOWHERE: Mapping[str, Bounds] = MappingProxyType({})


class BodyLimit:
    """Middleware: reads the body before anyone else does. Answers 413 when it is larger than `limit` bytes, and 408
    when it has not come after `patience` seconds. elsewhere: other bounds, by path."""

    def __init__(
        self, app: ASGIApp, limit: int, patience: float = PATIENCE_S, elsewhere: Mapping[str, Bounds] = _NOWHERE
    ) -> None:
        self._app = app
        self._bounds = Bounds(limit, patience)
        self._elsewhere = elsewhere

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            body = await _read_in_time(self._elsewhere.get(scope["path"], self._bounds), _declared(scope), receive)
        except Problem as problem:
            await respond(problem)(scope, receive, send)
            return
        if body is not None:
            await self._app(scope, _replay(body, receive), send)


async def _read_in_time(bounds: Bounds, declared: int, receive: Receive) -> bytes | None:
    try:
        async with asyncio.timeout(bounds.patience):
            return await _read(bounds.size, declared, receive)
    except TimeoutError:
        detail = f"The body has not come within {bounds.patience:g} s, which is as long as we wait."
        hint = "Send it again, at once."
        raise Problem(408, "request-timeout", detail, hint=hint, headers={"Connection": "close"}) from None


async def _read(limit: int, declared: int, receive: Receive) -> bytes | None:
    """The body; None if the caller has gone. Keeps no more than the limit in memory."""
    kept = bytearray()
    size, more = 0, declared <= DRAINED * limit
    while more and size <= DRAINED * limit:
        message = await receive()
        if message["type"] != "http.request":
            return None
        chunk = message.get("body", b"")
        size += len(chunk)
        if size <= limit:
            kept += chunk
        more = message.get("more_body", False)
    if max(size, declared) > limit:
        raise Problem(413, "body-too-large", f"The body is larger than {limit} bytes, which is all we read.")
    return bytes(kept)


def _declared(scope: Scope) -> int:
    """The Content-Length; 0 if there is none that is a number (the server counts what really comes)."""
    text = Headers(scope=scope).get("content-length", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else 0


def _replay(body: bytes, receive: Receive) -> Receive:
    pending: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return pending.pop() if pending else await receive()

    return replay


class Turnstile:
    """Middleware: of the requests to `path` at most `most` are under way at once, with all that they hold in memory.
    Who comes then is told to come again, and not heard out."""

    def __init__(self, app: ASGIApp, path: str, most: int) -> None:
        self._app = app
        self._path = path
        self._free = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it."""
        if scope["type"] != "http" or scope["path"] != self._path:
            await self._app(scope, receive, send)
        elif not self._free:
            headers = {"Retry-After": "1", "Connection": "close"}
            detail = "As many requests as are taken at once are under way here."
            await respond(Problem(503, "too-busy", detail, hint="Send it again.", headers=headers))(
                scope, receive, send
            )
        else:
            self._free -= 1
            try:
                await self._app(scope, receive, send)
            finally:
                self._free += 1


class Streams:
    """The open streams, by token: none may hold more than its share, and those of a revoked token end."""

    def __init__(self) -> None:
        self._open: dict[str, set[asyncio.Event]] = {}
        self._closed = False

    def __len__(self) -> int:
        return sum(len(ends) for ends in self._open.values())

    @contextmanager
    def opened(self, token_id: str, limit: int) -> Iterator[asyncio.Event]:
        """Holds a place among the token's `limit` for as long as a stream is open; the event says when it is to end.

        Raises a 429 if the token has as many open as it may.
        """
        ends = self._open.setdefault(token_id, set())
        if len(ends) >= limit:
            detail = f"This token has {limit} streams open, which is as many as it may."
            raise Problem(429, "too-many-streams", detail, hint="Close one.", headers={"Retry-After": "1"})
        end = asyncio.Event()
        if self._closed:
            end.set()
        ends.add(end)
        try:
            yield end
        finally:
            ends.discard(end)
            if not ends and self._open.get(token_id) is ends:
                del self._open[token_id]

    def end(self, token_id: str) -> None:
        """End the streams of this token."""
        for end in self._open.get(token_id, ()):
            end.set()

    def end_all(self) -> None:
        """End all streams, also those that are yet to be opened."""
        self._closed = True
        for token_id in self._open:
            self.end(token_id)
