"""How far the read model is behind the history: asked for once, however many want to know, and told for a moment."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping

from ownstack_bus.port import Bus
from ownstack_contracts.topics import HISTORY
from ownstack_readmodel import ReadModel

PATIENCE_S = 5.0
"""Bus and read model have so long to answer."""

KEPT_S = 1.0
"""An answer is told for so long: anybody may ask, and on Kafka each look may take a consumer per partition."""


class Lags:
    """Per partition of the history: how many records the read model is behind. One look at a time, for all who ask."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """clock: in seconds."""
        self._clock = clock
        self._look: asyncio.Task[Mapping[int, int]] | None = None
        self._until = 0.0

    async def told(self, bus: Bus, readmodel: ReadModel) -> Mapping[int, int]:
        """The lags, or what the last look ended with: what bus or read model raised, or TimeoutError."""
        if self._look is None or (self._look.done() and self._clock() >= self._until):
            self._look = asyncio.create_task(self._ask(bus, readmodel))
        return await asyncio.shield(self._look)  # who goes away ends it for nobody else

    async def _ask(self, bus: Bus, readmodel: ReadModel) -> Mapping[int, int]:
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await _lags(bus, readmodel)
        finally:
            self._until = self._clock() + KEPT_S


async def _lags(bus: Bus, readmodel: ReadModel) -> Mapping[int, int]:
    positions = await readmodel.positions(HISTORY.name)  # first: else the read model may seem to be ahead
    partitions = range(await bus.partitions(HISTORY.name))
    asked = [asyncio.ensure_future(bus.behind(HISTORY.name, at, positions.get(at, 0))) for at in partitions]
    try:
        return dict(zip(partitions, await asyncio.gather(*asked), strict=True))
    finally:
        for asking in asked:  # where one failed, the others are not left to themselves
            asking.cancel()
