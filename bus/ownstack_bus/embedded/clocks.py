"""The time of a partition: that of the wall clock, but it never goes back, nor stands still while that is put back."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable

from ownstack_bus.embedded.schema import LogState

logger = logging.getLogger(__name__)

Clock = Callable[[], int]

AHEAD_MS = 60_000
"""Append times that are further ahead of the clock than this are worth a warning when the bus is opened."""


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

    def _at(self, ticks: int) -> int:
        last, then = self._stamped  # one object: another thread may put another in its place
        return max(self._clock(), last + max(ticks - then, 0))


class Times:
    """The times of all partitions."""

    def __init__(self, states: Iterable[LogState], partitions: int, clock: Clock, ticks: Clock | None = None) -> None:
        """ticks: a clock that nobody sets. None: the machine's; if `clock` is not that of the machine, `clock`."""
        if ticks is None:
            ticks = ticking if clock is wall_clock else clock
        latest = [0] * partitions
        for state in states:
            latest[state.partition] = max(latest[state.partition], state.timestamp)
        self._times = [PartitionTime(last, clock, ticks) for last in latest]
        _warn(max(latest, default=0) - clock())

    def of(self, partition: int) -> PartitionTime:
        """The time of a partition."""
        return self._times[partition]


def _warn(ahead: int) -> None:
    if ahead > AHEAD_MS:
        logger.warning(
            "The latest records were written %d s in the future, as this machine's clock has it: it was ahead then, or "
            "it is behind now. Times of new records go on from there, so that deadlines still come; what was written "
            "then is kept for that much longer. Check the clock of this machine.",
            ahead // 1_000,
        )
