"""The times of all partitions of a file."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from ownstack_bus.clocks import Clock, PartitionTime, ticking, wall_clock
from ownstack_bus.embedded.schema import LogState

logger = logging.getLogger(__name__)

AHEAD_MS = 60_000
"""Append times that are further ahead of the clock than this are worth a warning when the bus is opened."""


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
