"""Time as the deployer counts it: seconds that never jump, and that go on while the machine sleeps."""

from __future__ import annotations

import time
from collections.abc import Callable

Clock = Callable[[], float]
"""Seconds since some fixed moment."""


def _best_clock() -> Clock:
    """A lease runs out on a sleeping laptop, too: where there is a clock that counts sleep, it is the one."""
    boottime = getattr(time, "CLOCK_BOOTTIME", None)
    if boottime is None:
        return time.monotonic
    return lambda: time.clock_gettime(boottime)


now: Clock = _best_clock()
