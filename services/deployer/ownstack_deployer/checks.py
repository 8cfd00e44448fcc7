"""Checks of stacks: whether one can be used. Nothing is claimed for them, since they change nothing."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import asdict

from ownstack_contracts.jobs import StackChecked, StackCheckRequested
from ownstack_deployer.clock import Clock
from ownstack_deployer.drivers.port import Checked, Driver, Drivers

logger = logging.getLogger(__name__)

CHECKING = 30.0
"""Seconds that a check may take."""


async def check(drivers: Drivers, request: StackCheckRequested, clock: Clock, *, deployer: str) -> StackChecked:
    """Check the stack, and report: there is an answer in any case. deployer: who checks."""
    driver = drivers.get(request.driver)
    found = _without(request, drivers) if driver is None else await _asked(driver, request, clock)
    return StackChecked(job=request.job, stack=request.stack, deployer=deployer, **asdict(found))


def _without(request: StackCheckRequested, drivers: Drivers) -> Checked:
    ours = ", ".join(sorted(drivers))
    return Checked(
        "driver-unknown",
        f"This deployer has no driver {request.driver}, which {request.stack} asks for: it has {ours}. "
        "Bring all deployers to the same version.",
    )


async def _asked(driver: Driver, request: StackCheckRequested, clock: Clock) -> Checked:
    try:
        async with asyncio.timeout(CHECKING):
            return await driver.check(request, clock() + CHECKING)
    except TimeoutError:
        return Checked("check-timeout", f"{request.stack} could not be checked within {CHECKING:.0f} s. Try again.")
    except Exception as error:
        # Whatever is wrong in the driver, whoever asked is told so.
        logger.exception("the driver %s failed in a check of %s", request.driver, request.stack)
        return Checked("driver-error", f"The driver failed: {error!r}"[:1_900] + ". See the log of the deployer.")
