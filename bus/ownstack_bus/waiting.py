"""Waits out what passes by itself: longer and longer, and says so once."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from ownstack_bus.port import PASSING, BusError

logger = logging.getLogger(__name__)

FIRST_DELAY_S = 0.1
LAST_DELAY_S = 5.0

T = TypeVar("T")


class Waiting:
    """How long somebody waits before the next try."""

    def __init__(self, who: str, steady: float = 0.0) -> None:
        """who: waits, as the log names it. steady: what has not failed again for so many seconds has passed."""
        self._who = who
        self._steady = steady
        self._delay = FIRST_DELAY_S
        self._tried_again: float | None = None

    async def out(self, error: BusError) -> None:
        """Wait before the next try. Raises `error` if it does not pass by itself."""
        if error.code not in PASSING:
            raise error
        if self._tried_again is None:
            logger.warning("%s waits, and goes on by itself: %s", self._who, error)
        await asyncio.sleep(self._delay)
        self._delay = min(2 * self._delay, LAST_DELAY_S)
        self._tried_again = time.monotonic()

    def over(self) -> None:
        """It goes well."""
        if self._tried_again is not None and time.monotonic() - self._tried_again >= self._steady:
            logger.warning("%s goes on", self._who)
            self._delay, self._tried_again = FIRST_DELAY_S, None

    async def through(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """What `attempt` comes to, once it does not fail for something that passes. Raises BusError for all else."""
        while True:
            try:
                found = await attempt()
            except BusError as error:
                await self.out(error)
            else:
                self.over()
                return found
