"""Erasing: follows the history, and has the keys of apps that are gone destroyed in the vault."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence

from sqlalchemy.exc import SQLAlchemyError

from ownstack_api.meters import Meters
from ownstack_bus.port import PASSING, Bus, BusError, Record
from ownstack_contracts.topics import HISTORY
from ownstack_readmodel import passes
from ownstack_vault import Erasing, ErasingStopped

log = logging.getLogger(__name__)

GROUP = "erasing"
"""Of consumers: all processes of the api share the partitions."""

FIRST_DELAY_S, LAST_DELAY_S = 0.1, 30.0
_OTHERS = frozenset({"positions-ahead", "records-gone"})
"""Errors of the bus that somebody has to mend; what else the api does goes on meanwhile."""


async def erase(bus: Bus, erasing: Erasing, meters: Meters) -> None:
    """Follow the history until cancelled. What is in the way is said, and waited for: each start goes on from what is
    stored with the keys. meters: are told while it waits.

    Raises BusError and SQLAlchemyError for what neither passes nor can be mended meanwhile.
    """
    delays = _Delays(erasing, meters)
    while True:
        try:
            await bus.project(HISTORY.name, GROUP, delays)
        except (ErasingStopped, BusError, SQLAlchemyError) as error:
            if not _waits(error):
                raise
            await delays.wait(error)


class _Delays:
    """The sink, and how long is waited after an error: longer each time, until something was stored."""

    def __init__(self, sink: Erasing, meters: Meters) -> None:
        self._sink, self._meters = sink, meters
        self._delay = FIRST_DELAY_S
        self._said: str | None = None

    async def positions(self) -> Mapping[int, int]:
        return await self._sink.positions()

    async def apply(self, partition: int, records: Sequence[Record]) -> None:
        await self._sink.apply(partition, records)
        self._delay, self._said = FIRST_DELAY_S, None
        self._meters.erasing_waits(0.0)

    async def wait(self, error: ErasingStopped | BusError | SQLAlchemyError) -> None:
        why = str(getattr(error, "orig", error))
        outrun = isinstance(error, ErasingStopped) and error.code == "outrun"
        if why != self._said and not outrun:
            log.error("keys of apps that are gone are not destroyed now; it goes on once this is mended: %s", why)
        self._said = why
        self._meters.erasing_waits(3 * LAST_DELAY_S)
        await asyncio.sleep(self._delay)
        self._delay = min(self._delay * 2, LAST_DELAY_S)


def _waits(error: ErasingStopped | BusError | SQLAlchemyError) -> bool:
    if isinstance(error, BusError):
        return error.code in PASSING | _OTHERS
    return isinstance(error, ErasingStopped) or passes(error)
