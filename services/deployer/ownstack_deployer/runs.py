"""A run: one grant of one job, carried out. What it says, when it may go on, and what it does not do twice."""

from __future__ import annotations

import asyncio
import logging
import traceback
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar, cast

from ownstack_contracts.jobs import Live, StackRunRequested
from ownstack_contracts.leases import JobGranted, LeaseReturned, RunReport
from ownstack_deployer.clock import Clock
from ownstack_deployer.config import Unsealer, plain_config
from ownstack_deployer.drivers.port import MOST_MESSAGE, Driver, Job, Log, Phase, PhaseFailed, Place
from ownstack_deployer.joblog import JobLog, PhaseLog, Unkept
from ownstack_deployer.leases import Lease
from ownstack_deployer.reporter import Voice

logger = logging.getLogger(__name__)

LOOKING, LEAST_LOOKING = 60.0, 30.0
"""Seconds that looking at what a failed phase has left behind may take; and those that it has in any case, when the
running deadline has passed and the first are counted from that."""

LOOK_AGAIN = (1.0, 4.0, 15.0)
"""Seconds until an uncertain run looks again when the stack could not be looked at: a machine that comes back to life
brings up its network and its deployer at once."""

T = TypeVar("T")


class LeaseOver(Exception):
    """The run may not begin another phase: somebody else may have been granted the job."""


@dataclass(slots=True)
class Outcomes:
    """What is known of a job's phases, over all of its runs in this process: what has an outcome is not run again.

    ended: what each has returned, or how it has failed. lines: how many were logged up to the end of the last one.
    """

    ended: dict[Phase, object | PhaseFailed] = field(default_factory=dict)
    lines: int = 0


@dataclass(slots=True)
class Run:
    """One grant. `instant`: nothing outlives it, so it need not wait for what it says to be durable before it acts.
    `granted_at`: when the grant was appended, in ms since the epoch."""

    job: Job
    grant: JobGranted
    driver: Driver
    lease: Lease
    log: JobLog
    outcomes: Outcomes
    voice: Voice
    clock: Clock
    instant: bool
    granted_at: int
    secrets: Unsealer | None = None
    unreadable: PhaseFailed | None = None
    """Why the values of the job's config can't be had."""
    begun: bool = False
    """Whether it has touched the stack: from then on its grant can't be given back."""
    ending: bool = False
    """Whether its last report is said."""

    def report(self, kind: type[RunReport], **fields: object) -> RunReport:
        """A report of this run."""
        request = self.job.request
        return kind(job=request.job, run=self.job.run, app=request.app, stack=request.stack, **fields)

    def told(self, failure: PhaseFailed) -> str:
        """What a failure says, without the values of the job's config."""
        return self.job.mask(failure.whole)[:MOST_MESSAGE]

    async def open_config(self) -> None:
        """Decrypt the job's config: from now on what is told is masked. That it can't be is told by what needs it, as
        what is live may be this deployment already."""
        try:
            config = await plain_config(self.job, self.secrets, self.job.until - self.clock())
        except PhaseFailed as failure:
            self.unreadable = failure
        else:
            self.job = replace(self.job, config=config)
            self.log.mask = self.job.mask

    def need_config(self) -> None:
        """Raises PhaseFailed `config-unreadable`."""
        if self.unreadable is not None:
            raise self.unreadable

    async def look(self, place: Place) -> Live | None:
        """What is live, before anything is done. Raises PhaseFailed, LeaseOver.

        An uncertain run does not give up at once: what an earlier run has left there may be live.
        """
        for pause in LOOK_AGAIN if self.grant.uncertain else ():
            self._may_go_on()
            try:
                return await self._look(place, self.job.until)
            except PhaseFailed:
                await asyncio.sleep(pause)
        self._may_go_on()
        return await self._look(place, self.job.until)

    async def look_after_all(self, place: Place) -> Live | None:
        """What is live after a phase has failed, though the deadline may have passed. None also if it can't be told."""
        now = self.clock()
        until = max(now + LEAST_LOOKING, min(now, self.job.until) + LOOKING)
        try:
            return await self._look(place, until)
        except PhaseFailed:
            return None

    async def _look(self, place: Place, until: float) -> Live | None:
        # A command has its own output in its log, and nothing else.
        log = Unkept() if isinstance(self.job.request, StackRunRequested) else self.log.phase("look")
        return await self._attempt("look", log, place.look(log, until))

    async def config_keys(self, place: Place) -> Sequence[str] | None:
        """The names of the app's config variables. Raises PhaseFailed, LeaseOver."""
        self._may_go_on()
        return await self._attempt("look", self.log.phase("look"), place.config_keys(self.job.until))

    async def phase(self, name: Phase, act: Callable[[Log], Awaitable[T]], started: type[RunReport] | None) -> T:
        """Run a phase, unless it has an outcome already. It is durable that it begins before it does.

        Returns what the driver answers. Raises PhaseFailed, LeaseOver.
        """
        if name not in self.outcomes.ended:
            self._may_go_on()
            self.need_config()
            self.begun = True
            if started is not None:
                await self.say_durably(self.report(started))
                self._may_go_on()  # that may have taken a while
            log = self.log.phase(name)
            try:
                self.outcomes.ended[name] = await self._attempt(name, log, act(log))
            except PhaseFailed as failure:
                self.outcomes.ended[name] = failure
            self.outcomes.lines = self.log.lines
        outcome = self.outcomes.ended[name]
        if isinstance(outcome, PhaseFailed):
            raise outcome
        return cast("T", outcome)

    async def say_durably(self, report: RunReport) -> None:
        """Say it, and wait until it is durable: it is a sign of life. An instant run goes on at once."""
        sent = self.clock()
        durable = self.voice.say(report)
        if not self.instant:
            await durable.wait()
            self.lease.extend(sent, self.clock())

    def _may_go_on(self) -> None:
        now = self.clock()
        if not self.lease.holds(now):
            raise LeaseOver
        if now >= self.job.until:
            raise PhaseFailed(
                "running-deadline",
                "The running deadline has passed: nothing more is begun. Try again, with a longer deadline if need be.",
                began=False,
            )

    async def _attempt(self, name: Phase, log: PhaseLog | Unkept, act: Awaitable[T]) -> T:
        """What the driver answers. Raises PhaseFailed, and nothing else that goes wrong in the driver."""
        try:
            return await act
        except PhaseFailed:
            raise
        except Exception as error:
            trace = self.job.mask("".join(traceback.format_exception(error)))
            logger.error("the driver of %s failed in %s\n%s", self.job.place, name, trace)
            raise PhaseFailed("driver-error", f"The driver failed: {error!r}. See the log of the deployer.") from error
        finally:
            await log.close()

    async def end(self, final: RunReport) -> bool:
        """Say how the job ended. Returns whether that is sure to be admitted: the lease held when it was on the bus."""
        self.ending = True
        code = getattr(final, "code", None)
        level = (
            logging.DEBUG if self.instant and code is None else logging.INFO
        )  # what takes no time comes in thousands
        logger.log(level, "%s for %s%s", final.type_name(), self.job.place, f": {code}" if code else "")
        await self.voice.say(final).wait()
        return self.lease.holds(self.clock())

    @property
    def can_be_given_back(self) -> bool:
        """Whether the stack was not touched yet, and the end not reported."""
        return not self.begun and not self.ending

    def give_back(self) -> None:
        """Give the grant back, if the stack was not touched."""
        if self.can_be_given_back:
            self.ending = True
            self.voice.say(self.report(LeaseReturned))
