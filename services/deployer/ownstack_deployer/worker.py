"""The worker: the actor behind every key. Takes jobs one after another, claims them, and has them carried out."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import secrets
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

from ownstack_bus.port import Inbox, Outgoing
from ownstack_contracts.images import ImageReport
from ownstack_contracts.jobs import StackJob
from ownstack_contracts.tracing import WORK
from ownstack_deployer.checks import check
from ownstack_deployer.claims import Claimant, Granted
from ownstack_deployer.clock import Clock
from ownstack_deployer.config import Unsealer
from ownstack_deployer.desk import CheckRequest, Desk, ImageRequest, Request, Revoked, Withdrawn
from ownstack_deployer.drivers.port import Driver, Drivers, Job
from ownstack_deployer.images import ImageJobs
from ownstack_deployer.joblog import JobLog
from ownstack_deployer.kinds import carry_out
from ownstack_deployer.leases import Heartbeats, Lease
from ownstack_deployer.reporter import Reporter, Voice
from ownstack_deployer.runs import Outcomes, Run
from ownstack_deployer.settings import Settings

logger = logging.getLogger(__name__)

MOST_CHECKS = 8
"""Checks at once."""
PATIENCE = 5.0
"""Seconds that a job waits for a slot before it is logged that it does."""


class RunIds:
    """New ids of runs. Chance makes them differ from those of all others, counting from each other: asking for chance
    each time lets another thread have the interpreter, in the middle of a thousand claims."""

    def __init__(self) -> None:
        self._prefix = secrets.token_hex(12)
        self._numbers = itertools.count()

    def __call__(self) -> str:
        """A new one: 32 hexadecimal digits."""
        return f"{self._prefix}{next(self._numbers):08x}"


@dataclass(slots=True)
class Worker:
    """What the actors of all keys share. `bury` publishes a dead letter; `next_run` names a run that claims; `date`
    counts seconds since the epoch; `secrets` decrypts config, if it can be."""

    drivers: Drivers
    reporter: Reporter
    heartbeats: Heartbeats
    bury: Callable[[Outgoing], object]
    settings: Settings
    clock: Clock
    images: ImageJobs
    next_run: Callable[[], str] = field(default_factory=RunIds)
    date: Callable[[], float] = time.time
    checks: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MOST_CHECKS))
    secrets: Unsealer | None = None
    under_way: dict[asyncio.Task[bool], Run] = field(default_factory=dict)
    """The runs that go on when their actor is cancelled."""

    async def act(self, inbox: Inbox) -> None:
        """Work off what is in the inbox of a key."""
        desk = Desk(inbox, self.bury, self.clock)
        with contextlib.suppress(Revoked):  # what is not acknowledged comes to the next deployer
            await desk.open()
            while (request := desk.next_request()) is not None:
                WORK.set(request.cause.work)
                if isinstance(request, CheckRequest):
                    await self._check(request)
                elif isinstance(request, ImageRequest):
                    await self._do_image_job(desk, request)
                else:
                    await self._work_off(desk, request)
                await desk.finish()
            await desk.finish()

    async def _work_off(self, desk: Desk, request: Request) -> None:
        await self._end_of_earlier_run(request)
        driver = self.drivers[request.job.driver]
        outcomes = Outcomes()
        # Claimed once it can be worked on: its running deadline is not to run while it waits its turn.
        async with _slot(driver.slots(request.job), request.job):
            while (granted := await self._claim(desk, request)) is not None:
                if await self._carry_out(self._run(request, driver, granted, outcomes)):
                    return

    async def _check(self, request: CheckRequest) -> None:
        """Cut off before its answer is durable, it comes again: it changes nothing. It is not done once nobody waits
        for its answer any more."""
        async with self.checks:
            if self.date() * 1_000 >= request.job.waiting_until:
                logger.info("a check of %s is not done: it has waited for too long", request.job.stack)
                return
            answer = await check(self.drivers, request.job, self.clock, deployer=self.settings.name)
        await self.reporter.say(answer, request.cause, f"{self.next_run()}.1").wait()

    async def _do_image_job(self, desk: Desk, request: ImageRequest) -> None:
        """Cut off before its answer is durable, it comes again: done twice, it comes to the same."""

        async def say(report: ImageReport) -> None:
            await self.reporter.say(report, request.cause, f"{self.next_run()}.1").wait()

        with contextlib.suppress(Withdrawn):
            await self.images.do(request.job, request.appended, say, desk.rest)

    async def _end_of_earlier_run(self, request: Request) -> None:
        """The key went away and has come back while a run of this job was under way: it goes on undisturbed."""
        for task, run in list(self.under_way.items()):
            if run.job.request.job == request.job.job:
                await asyncio.wait([task])

    async def _claim(self, desk: Desk, request: Request) -> Granted | None:
        name, every = self.settings.name, self.settings.claim_every
        voice = Voice(self.reporter, request.cause)
        return await Claimant(request, self.next_run(), voice, self.clock, deployer=name, every=every).claim(desk)

    def _run(self, request: Request, driver: Driver, granted: Granted, outcomes: Outcomes) -> Run:
        grant = granted.grant
        job = Job(request.cause.team, request.job, grant.run, granted.until, grant.uncertain)
        return Run(
            job=job,
            grant=grant,
            driver=driver,
            lease=Lease(grant.run, job.team, grant.lease, granted.since),
            log=JobLog(job, granted.voice.log),
            outcomes=outcomes,
            voice=granted.voice,
            clock=self.clock,
            instant=driver.is_instant(request.job),
            granted_at=granted.at,
            secrets=self.secrets,
        )

    async def _carry_out(self, run: Run) -> bool:
        if run.instant:
            return await carry_out(run)
        task = asyncio.create_task(self._kept_alive(run))
        self.under_way[task] = run
        task.add_done_callback(self.under_way.pop)
        return await asyncio.shield(task)

    async def _kept_alive(self, run: Run) -> bool:
        with self.heartbeats.keep(run.lease):
            return await carry_out(run)


@contextlib.asynccontextmanager
async def _slot(slots: asyncio.Semaphore | None, job: StackJob) -> AsyncIterator[None]:
    """Have a slot. Whoever wonders why nothing happens finds in the log that a job waits for one."""
    if slots is None:
        yield
        return
    late = asyncio.get_running_loop().call_later(PATIENCE, _say_late, job)
    try:
        await slots.acquire()
    finally:
        late.cancel()
    try:
        yield
    finally:
        slots.release()


def _say_late(job: StackJob) -> None:
    logger.warning(
        "%s of %s on %s waits: as many jobs as may run there at once are under way", job.type_name(), job.app, job.stack
    )
