"""Waits out what passes by itself: a full disk, a locked file, a database that is restarted, another process that has
projected the same. Then it goes on from what is stored."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

from sqlalchemy.exc import DBAPIError

from ownstack_bus.port import PASSING, BusError, Record, Sink
from ownstack_projections.stopped import Outrun
from ownstack_readmodel import DatabaseUnusable, passes

T = TypeVar("T")
Failed = DBAPIError | DatabaseUnusable | BusError | Outrun

log = logging.getLogger(__name__)

FIRST_DELAY_S = 0.1
LAST_DELAY_S = 5.0
PASSED_S = 3 * LAST_DELAY_S
"""What has not failed again for so long has passed, also where nothing came that could be stored."""


class Patience:
    """What waits, and for how long. `what`: is done, as the log names it; `limit`: seconds that it waits at most before
    something works again."""

    def __init__(self, what: str, limit: float = math.inf) -> None:
        self._what, self._limit = what, limit
        self._waited = 0.0
        self._said: str | None = None
        self._failed: float | None = None
        self._delay = FIRST_DELAY_S

    @property
    def waits(self) -> str | None:
        """That it gets nowhere, for people; None: it goes on."""
        if self._failed is None or time.monotonic() - self._failed > PASSED_S:
            return None
        return f"It waits before {self._what}: the log says for what."

    async def through(self, work: Callable[[], Awaitable[T]]) -> T:
        """Do `work`, from the beginning whenever it fails for something that passes. Raises what does not pass, or has
        not passed by the limit."""
        while True:
            try:
                result = await work()
            except (DBAPIError, DatabaseUnusable, BusError, Outrun) as error:
                if not _passes(error) or self._waited >= self._limit:
                    raise
                await self._wait(error)
            else:
                self.worked()
                return result

    def worked(self) -> None:
        """Something was stored: whatever it was, it has passed."""
        if self._said is not None:
            log.warning("%s: goes on", self._what)
        self._said, self._failed, self._delay, self._waited = None, None, FIRST_DELAY_S, 0.0

    async def _wait(self, error: Failed) -> None:
        why = str(error.orig if isinstance(error, DBAPIError) else error)
        if why != self._said:
            log.warning(
                "%s: waits, and goes on by itself; nothing is lost. If it lasts, see to the disk and the database: %s",
                self._what,
                why,
            )
        self._said, self._failed = why, time.monotonic()
        await asyncio.sleep(self._delay)
        self._waited += self._delay
        self._delay = min(self._delay * 2, LAST_DELAY_S)


class Patient:
    """A sink whose batches are the work of a `Patience`."""

    def __init__(self, sink: Sink, patience: Patience) -> None:
        self._sink, self._patience = sink, patience

    async def positions(self) -> Mapping[int, int]:
        """See Sink."""
        return await self._sink.positions()

    async def apply(self, partition: int, records: Sequence[Record]) -> None:
        """See Sink."""
        await self._sink.apply(partition, records)
        self._patience.worked()


def _passes(error: Failed) -> bool:
    if isinstance(error, BusError):
        return error.code in PASSING
    if isinstance(error, DatabaseUnusable):
        return error.passing
    return isinstance(error, Outrun) or passes(error)
