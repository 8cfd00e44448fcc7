"""What the API is made of: given by whoever composes the house, found by routes through the app."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated

from fastapi import Depends, FastAPI, Request

from ownstack_api.lags import Lags
from ownstack_api.limits import Streams
from ownstack_api.meters import Meters
from ownstack_api.recent import Recent
from ownstack_api.settings import Settings
from ownstack_bus.port import Bus
from ownstack_readmodel import ReadModel
from ownstack_vault import Vault

VERIFIED_AT_ONCE = 4
"""Strangers may send what has to be verified: they get so many threads, and the rest of the API keeps its own."""


def now_ms() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class Parts:
    """The rooms next door (bus, read model, vault), and what this process keeps in memory.

    verifying: the places of those whose signatures are being verified. stopping: set when the house closes; whoever
    waits, for an outcome or in a stream, then comes to an end.
    """

    bus: Bus
    readmodel: ReadModel
    vault: Vault
    settings: Settings = field(default_factory=Settings)
    clock: Callable[[], int] = now_ms
    recent: Recent = field(default_factory=Recent)
    lags: Lags = field(default_factory=Lags)
    streams: Streams = field(default_factory=Streams)
    meters: Meters = field(default_factory=Meters)
    verifying: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(VERIFIED_AT_ONCE))
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    @staticmethod
    def of(app: FastAPI) -> Parts:
        """The parts that `app` was made of."""
        parts = app.state.parts
        assert isinstance(parts, Parts)
        return parts

    def stop(self) -> None:
        """End what waits: streams, and requests that wait for an outcome."""
        self.stopping.set()
        self.streams.end_all()


# Dependencies are all `async def`: FastAPI sends each that is not through a thread, which costs more than the rest of
# the request.
async def _parts(request: Request) -> Parts:
    return Parts.of(request.app)


House = Annotated[Parts, Depends(_parts)]
