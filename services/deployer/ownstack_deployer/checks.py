"""Checks of stacks: whether one can be used. Nothing is claimed for them, since they change nothing."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import asdict, replace

from ownstack_contracts.jobs import StackCheckRequested
from ownstack_contracts.reports import StackChecked
from ownstack_deployer.clock import Clock
from ownstack_deployer.drivers.port import Checked, Driver, Drivers

logger = logging.getLogger(__name__)

CHECKING = 30.0
"""Seconds that a check may take."""
MOST_KEY = 2_000
"""Characters of the line of a key in a report."""


async def check(drivers: Drivers, request: StackCheckRequested, clock: Clock, *, deployer: str) -> StackChecked:
    """Check the stack, and report: there is an answer in any case. deployer: who checks."""
    driver = drivers.get(request.driver)
    try:
        found = _without(request, drivers) if driver is None else await _asked(driver, request, clock)
        return _report(request, _fitting(found), deployer)
    except Exception as error:
        # Whatever is wrong in the driver, whoever asked is told so.
        logger.exception("the driver %s failed in a check of %s", request.driver, request.stack)
        said = f"The driver failed: {error!r}"[:1_900] + ". See the log of the deployer."
        return _report(request, Checked("driver-error", said), deployer)


def _report(request: StackCheckRequested, found: Checked, deployer: str) -> StackChecked:
    return StackChecked(job=request.job, stack=request.stack, deployer=deployer, **asdict(found))


def _fitting(found: Checked) -> Checked:
    """Without keys that no report takes; what was found stays."""
    if len(found.public_key or "") > MOST_KEY:
        found = replace(found, public_key=None)
    if len(found.host_key or "") <= MOST_KEY:
        return found
    message = found.message and (
        f"{found.message[:1_700]} This key is too long to be pinned by its line; its fingerprint can be."
    )
    return replace(found, host_key=None, message=message)


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
