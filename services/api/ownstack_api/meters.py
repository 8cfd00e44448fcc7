"""Counts the requests, by method and status, for `/metrics`."""

from __future__ import annotations

from collections import Counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Meters:
    """What is counted since the process began."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, int]] = Counter()

    def count(self, method: str, status: int) -> None:
        """Count a request. Methods that nobody has heard of are one: a caller must not be able to make up rows."""
        self.requests[(method if method in _METHODS else "other", status)] += 1


class Counted:
    """Middleware: counts each request when its answer begins."""

    def __init__(self, app: ASGIApp, meters: Meters) -> None:
        self._app = app
        self._meters = meters

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def counted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._meters.count(scope["method"], message["status"])
            await send(message)

        await self._app(scope, receive, counted)
