"""Descriptors and processes that have run out come back: whoever needs one waits, rather than fail a deployment."""

from __future__ import annotations

import asyncio
import errno
import logging
from collections.abc import Callable
from typing import TypeVar

from ownstack_deployer.clock import Clock

logger = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 0.05, 2.0
"""Seconds between two tries; doubles each time."""
RUN_OUT = (errno.EMFILE, errno.ENFILE, errno.EAGAIN)
"""Too many open files in this process, on this machine; too many processes."""

T = TypeVar("T")


async def with_descriptors(attempt: Callable[[], T], until: float, clock: Clock) -> T:
    """What `attempt` returns, tried again while this machine has run out of descriptors or processes.

    Raises what it raises otherwise; also that they have run out (OSError), once `until` has come on the clock.
    """
    pause = FIRST_PAUSE
    while True:
        try:
            return attempt()
        except OSError as error:
            left = until - clock()
            if error.errno not in RUN_OUT or left <= 0:
                raise
            if pause == FIRST_PAUSE:
                logger.warning("A job waits until it can open files and start a program: %s", error)
        await asyncio.sleep(min(pause, left))
        pause = min(pause * 2, LONGEST_PAUSE)
