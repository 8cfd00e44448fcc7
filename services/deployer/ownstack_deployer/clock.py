"""Time as the deployer counts it: seconds that never jump, and that go on while the machine sleeps."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

Clock = Callable[[], float]
"""Seconds since some fixed moment."""


def _best_clock() -> Clock:
    """A lease runs out on a sleeping laptop, too: where there is a clock that counts sleep, it is the one."""
    boottime = getattr(time, "CLOCK_BOOTTIME", None)
    if boottime is None:
        return time.monotonic
    return partial(time.clock_gettime, boottime)


now: Clock = _best_clock()
