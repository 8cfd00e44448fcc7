"""The time of a partition: that of the wall clock, but it never goes back, nor stands still while that is put back."""

from __future__ import annotations

import time
from collections.abc import Callable

Clock = Callable[[], int]


def wall_clock() -> int:
    """Now, in ms since the epoch."""
    return time.time_ns() // 1_000_000


def ticking() -> int:
    """A clock that nobody sets, in ms since some moment."""
    return time.monotonic_ns() // 1_000_000


class PartitionTime:
    """Append times of a partition's logs, and when its processor is woken: deadlines are counted from append times, so
    both have to go on together. Stamped in the writer's thread, read in others."""

    __slots__ = ("_clock", "_stamped", "_ticks")

    def __init__(self, last: int, clock: Clock, ticks: Clock) -> None:
        """last: the latest append time so far."""
        self._clock, self._ticks = clock, ticks
        self._stamped = (last, ticks())

    def now(self) -> int:
        """The time by the clock; or the latest append time and what has passed since, if that is later."""
        return self._at(self._ticks())

    def stamp(self) -> int:
        """As `now`, for records that are to be appended: the time goes on from there."""
        ticks = self._ticks()
        now = self._at(ticks)
        self._stamped = (now, ticks)
        return now

    def heard(self, timestamp: int) -> None:
        """Somebody else has stamped a record of the partition so (ms since the epoch): the time is not before that."""
        ticks = self._ticks()
        if timestamp > self._at(ticks):
            self._stamped = (timestamp, ticks)

    def _at(self, ticks: int) -> int:
        last, then = self._stamped  # one object: another thread may put another in its place
        return max(self._clock(), last + max(ticks - then, 0))
