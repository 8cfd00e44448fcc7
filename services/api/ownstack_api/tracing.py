"""Which request a line of the log is about: an id per request, the caller's if it gives one, and given back."""

from __future__ import annotations

import logging
import re
import secrets
import time

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ownstack_contracts.tracing import WORK, Work

log = logging.getLogger(__name__)

HEADER = "X-Request-Id"
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}", re.ASCII)
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}", re.ASCII)


def traceparent_of(headers: Headers) -> str | None:
    """As W3C Trace Context has it; what is not valid is ignored, as it says."""
    given = headers.get("traceparent", "")
    return given if _TRACEPARENT.fullmatch(given) else None


class Traced:
    """Middleware: says in WORK which request this is, and to the caller under which id it is in the log.

    Nothing is set back afterwards: each request has a task, and so a context, of its own.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request, begun = _note(Headers(scope=scope)), time.monotonic()

        async def traced(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[HEADER] = request
                took = (time.monotonic() - begun) * 1_000
                log.debug("%s %s: %d after %.0f ms", scope["method"], scope["path"], message["status"], took)
            await send(message)

        await self._app(scope, receive, traced)


def _note(headers: Headers) -> str:
    given = headers.get(HEADER, "")
    request = given if _ID.fullmatch(given) else secrets.token_hex(16)
    traceparent = traceparent_of(headers)
    WORK.set(Work(request=request, traceid=traceparent.split("-")[1] if traceparent else None))
    return request
