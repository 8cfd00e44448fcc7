"""Reads a stream straight from the app, so that a test decides when its reader goes, or stops reading."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from fastapi import FastAPI


@dataclass
class Reader:
    """A reader of one response. `slow`: while it is set to something that is not set, nothing more is taken."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    taking: asyncio.Event = field(default_factory=asyncio.Event)
    ended: bool = False
    _text: str = ""
    _more: asyncio.Event = field(default_factory=asyncio.Event)
    _asked: bool = False

    async def receive(self) -> dict[str, Any]:
        if not self._asked:
            self._asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: dict[str, Any]) -> None:
        await self.taking.wait()
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            self._text += message["body"].decode()
            self.ended = not message.get("more_body", False)
        self._more.set()

    async def block(self) -> str:
        """The next block of lines, up to the empty line that ends it; "" at the end of the stream."""
        while "\n\n" not in self._text and not self.ended:
            self._more.clear()
            await self._more.wait()
        block, _, self._text = self._text.partition("\n\n")
        return block

    async def event(self) -> tuple[int, str, str]:
        """The next event: its id, its name, its data. Comments and what only has an id are passed over."""
        while True:
            fields = dict(line.split(": ", 1) for line in (await self.block()).split("\n"))
            if "data" in fields:
                return int(fields["id"]), fields["event"], fields["data"]

    async def ids(self, count: int) -> list[int]:
        """The ids of the next events."""
        return [(await self.event())[0] for _ in range(count)]


@asynccontextmanager
async def reading(app: FastAPI, secret: str, url: str, **headers: str) -> AsyncIterator[Reader]:
    """Open a stream below `/api/v1`; when the block ends, its reader goes, and the app must have come to its end."""
    reader = Reader()
    reader.taking.set()
    parts = urlsplit(url)
    sent = {"authorization": f"Bearer {secret}", **headers}
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": f"/api/v1{parts.path}",
        "raw_path": f"/api/v1{parts.path}".encode(),
        "root_path": "",
        "query_string": parts.query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
        "client": ("127.0.0.1", 1),
        "server": ("api", 80),
    }
    serving = asyncio.create_task(app(scope, reader.receive, reader.send))  # type: ignore[arg-type]
    try:
        yield reader
    finally:
        reader.taking.set()
        reader.gone.set()
        await asyncio.wait_for(serving, 60)
