"""Opens what a process needs from outside, and waits a while for what is away."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from ownstack.exits import Exit, Failure
from ownstack.serve.settings import ProcessSettings
from ownstack_bus.connect import open_bus
from ownstack_bus.meter import Meter
from ownstack_bus.port import Bus, BusError

log = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0
"""Seconds between two tries."""

_AWAY = frozenset({"bus-unavailable", "bus-topics-missing"})
"""Brokers that start, and topics that are being set up."""
_WRONG = frozenset({"bus-url", "bus-sasl"})
"""Settings that can't be used."""

T = TypeVar("T")


async def bus_of(settings: ProcessSettings, meter: Meter) -> Bus:
    """The bus, open. Raises Failure."""
    if settings.bus.startswith("sqlite:"):
        hint = "Use `ownstack up` for one process on one file, or OWNSTACK_BUS=kafka://host:9092."
        message = "One process owns an embedded bus, and this is one of several."
        raise Failure("bus-embedded", message, hint=hint, exit_code=Exit.USAGE)

    async def opened() -> Bus:
        return await open_bus(settings.bus, meter=meter)

    def away(error: Exception) -> bool:
        return isinstance(error, BusError) and error.code in _AWAY

    try:
        return await patiently("the bus", opened, away, settings.start_patience)
    except BusError as error:
        exit_code = Exit.USAGE if error.code in _WRONG else Exit.UNAVAILABLE
        raise Failure(error.code, str(error), exit_code=exit_code) from error


async def patiently(
    what: str, opened: Callable[[], Awaitable[T]], away: Callable[[Exception], bool], patience: float
) -> T:
    """What `opened` returns, as soon as it does not raise something that is `away`; for `patience` seconds."""
    until, pause, told = time.monotonic() + patience, FIRST_PAUSE, ""
    while True:
        try:
            return await opened()
        except Exception as error:
            if not away(error) or time.monotonic() + pause > until:
                raise
            if str(error) != told:
                told = str(error)
                log.warning("waiting for %s: %s", what, told)
        await asyncio.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE)
