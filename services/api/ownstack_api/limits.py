"""How large a request's body may be, with or without a Content-Length, and how many streams a token may hold open."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ownstack_api.problems import Problem, respond

DRAINED = 16
"""How many times the limit of a too large body is read and thrown away: to be answered, a caller must first be heard
out. One who is further off may lose the answer with the connection."""


class BodyLimit:
    """Middleware: reads the body before anyone else does, and answers 413 when it is larger than `limit` bytes."""

    def __init__(self, app: ASGIApp, limit: int) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            body = await self._read(_declared(scope), receive)
        except Problem as problem:
            await respond(problem)(scope, receive, send)
            return
        if body is not None:
            await self._app(scope, _replay(body, receive), send)

    async def _read(self, declared: int, receive: Receive) -> bytes | None:
        """The body; None if the caller has gone. Keeps no more than the limit in memory."""
        kept = bytearray()
        size, more = 0, declared <= DRAINED * self._limit
        while more and size <= DRAINED * self._limit:
            message = await receive()
            if message["type"] != "http.request":
                return None
            chunk = message.get("body", b"")
            size += len(chunk)
            if size <= self._limit:
                kept += chunk
            more = message.get("more_body", False)
        if max(size, declared) > self._limit:
            raise Problem(413, "body-too-large", f"The body is larger than {self._limit} bytes, which is all we read.")
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


class Streams:
    """Counts the open streams of each token, so that none can use up all connections."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._open: Counter[str] = Counter()

    def check(self, token_id: str) -> None:
        """Raises a 429 if the token has as many streams open as it may."""
        if self._open[token_id] >= self._limit:
            detail = f"This token has {self._limit} streams open, which is as many as it may."
            raise Problem(429, "too-many-streams", detail, hint="Close one.", headers={"Retry-After": "1"})

    @contextmanager
    def opened(self, token_id: str) -> Iterator[None]:
        """Counts a stream for as long as it is open."""
        self._open[token_id] += 1
        try:
            yield
        finally:
            self._open[token_id] -= 1
            if not self._open[token_id]:
                del self._open[token_id]
