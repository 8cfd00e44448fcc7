"""Opens what a process needs from outside, and waits a while for what is away."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from ownstack.exits import Exit, Failure
from ownstack.serve.settings import DatabaseSettings, ProcessSettings
from ownstack_bus.connect import open_bus
from ownstack_bus.meter import Meter
from ownstack_bus.port import Bus, BusError

log = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0
"""Seconds between two tries."""

_AWAY = frozenset({"bus-unavailable", "bus-topics-missing"})
"""Brokers that start, and topics that are being set up."""

T = TypeVar("T")


async def bus_of(settings: ProcessSettings, meter: Meter) -> Bus:
    """The bus, open. Raises Failure."""
    if settings.bus.startswith("sqlite:"):
        hint = "Use `ownstack up` for one process on one file, or OWNSTACK_BUS=kafka://host:9092."
        raise Failure("bus-embedded", "One process owns an embedded bus, and this is one of several.", hint=hint)

    async def opened() -> Bus:
        return await open_bus(settings.bus, meter=meter)

    def away(error: Exception) -> bool:
        return isinstance(error, BusError) and error.code in _AWAY

    try:
        return await patiently("the bus", opened, away, settings.start_patience)
    except BusError as error:
        raise Failure(error.code, str(error), exit_code=Exit.UNAVAILABLE) from error


async def database(
    opened: Callable[[str], T], away: Callable[[Exception], bool], settings: DatabaseSettings, patience: float
) -> T:
    """What `opened` makes of the database's URL, in a thread. Raises what it raises."""
    url = database_url(settings)
    return await patiently("the database", lambda: asyncio.to_thread(opened, url), away, patience)


def database_url(settings: DatabaseSettings) -> str:
    """The URL, with its password. Raises Failure `database-password`."""
    from sqlalchemy import make_url  # noqa: PLC0415 - not every service has it

    url = settings.database.get_secret_value()
    if settings.database_password_file is None:
        return url
    try:
        password = settings.database_password_file.read_text(encoding="utf-8").strip()
    except OSError as error:
        hint = "Name a file that this user may read."
        raise Failure("database-password", f"OWNSTACK_DATABASE_PASSWORD_FILE: {error}.", hint=hint) from None
    return make_url(url).set(password=password).render_as_string(hide_password=False)


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
