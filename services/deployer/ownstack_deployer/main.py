"""The deployer, composed: drivers, reports, heartbeats and the group, over any bus."""

from __future__ import annotations

import asyncio
import logging

from ownstack_bus.port import Bus
from ownstack_contracts.topics import DEPLOYS
from ownstack_deployer.clock import Clock, now
from ownstack_deployer.config import Unsealer
from ownstack_deployer.draining import finish
from ownstack_deployer.drivers.dokku.driver import DokkuDriver
from ownstack_deployer.drivers.dokku.keys import OurKey
from ownstack_deployer.drivers.dokku.place import Times
from ownstack_deployer.drivers.noop import NoopDriver
from ownstack_deployer.drivers.port import Drivers
from ownstack_deployer.drivers.program.driver import ProgramDriver
from ownstack_deployer.images import ImageJobs
from ownstack_deployer.leases import Heartbeats
from ownstack_deployer.publisher import Publisher
from ownstack_deployer.registry.credentials import DockerConfig
from ownstack_deployer.registry.places import Reach
from ownstack_deployer.registry.registries import Registries
from ownstack_deployer.reporter import Reporter
from ownstack_deployer.settings import Settings
from ownstack_deployer.worker import Worker

logger = logging.getLogger(__name__)

GROUP = "deployer"


def drivers_of(settings: Settings) -> Drivers:
    """All drivers, by the name that a stack gives."""
    return {
        "dokku": DokkuDriver(OurKey.of(settings), settings.dokku_jobs, Times(settle=settings.dokku_settle)),
        "program": ProgramDriver(settings.state, settings.programs, settings.stop_grace, settings.programs_in),
        "noop": NoopDriver(),
    }


def registries_of(settings: Settings) -> Registries:
    """The registries that a deployer with these settings asks."""
    reach = Reach(settings.registries_plain.split(","))
    return Registries(DockerConfig.at(settings.docker_config), reach, settings.name)


class Deployer:
    """One deployer on a bus. `drivers` None: all that there are. `secrets` None: it can't decrypt config."""

    def __init__(
        self,
        bus: Bus,
        settings: Settings,
        drivers: Drivers | None = None,
        clock: Clock = now,
        secrets: Unsealer | None = None,
    ) -> None:
        self._bus = bus
        self._settings = settings
        self._reports = Publisher(bus, "reports")
        self._logs = Publisher(bus, "log records")
        self._reporter = Reporter(self._reports, self._logs, settings.name)
        self.tally = self._reporter.tally
        self._heartbeats = Heartbeats(self._reporter.beat, clock)
        self._worker = Worker(
            drivers=drivers or drivers_of(settings),
            reporter=self._reporter,
            heartbeats=self._heartbeats,
            bury=self._reporter.bury,
            settings=settings,
            clock=clock,
            images=ImageJobs(registries_of(settings)),
            secrets=secrets,
        )
        self._work: asyncio.Task[None] | None = None
        self._draining = False
        self._drained = asyncio.Event()

    @property
    def in_flight(self) -> int:
        """How many runs are under way."""
        return len(self._worker.under_way)

    async def run(self) -> None:
        """Work until drained. Raises BusError when the bus fails.

        Cancelled, it stops hard, as if killed: programs under way end by themselves and keep their locks until then;
        their jobs come again when a deployer starts, which waits for the locks and looks before it does anything.
        """
        self._work = asyncio.create_task(self._bus.work(DEPLOYS.name, GROUP, self._worker.act))
        parts = {
            self._work,
            asyncio.create_task(_until(self._drained)),
            *(asyncio.create_task(part.run()) for part in (self._reports, self._logs, self._heartbeats)),
        }
        try:
            await self._watch(set(parts))
        finally:
            left = [*parts, *self._worker.under_way]
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    async def _watch(self, parts: set[asyncio.Task[None]]) -> None:
        while not self._drained.is_set():
            ended, parts = await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
            for part in ended:
                if not (self._draining and part is self._work and part.cancelled()):
                    part.result()

    async def drain(self) -> None:
        """Stop in good order; `run` returns then.

        Leaves the group, gives back what has not begun, finishes what has and the post-deploys that come of it, and
        waits until all that was reported and logged is durable (for `flush_grace` seconds at most: the bus may be
        gone). A post-deploy comes when all stacks of a rollout have ended: if others work on those for longer than
        `postdeploy_grace` seconds, it is left to them. Cancelled, it leaves runs as they are, for `run` to go on with.
        """
        self._draining = True
        if self._work is not None:
            before = dict(self._worker.under_way)
            self._work.cancel()
            await asyncio.wait([self._work])
            await finish(self._bus, self._worker, before, self._settings.postdeploy_grace)
            await self._flush()
        self._drained.set()

    async def _flush(self) -> None:
        try:
            async with asyncio.timeout(self._settings.flush_grace):
                await self._logs.flushed()
                await self._reports.flushed()
        except TimeoutError:
            logger.error(
                "The bus did not take %d bytes of reports and %d of logs in time: their jobs come again.",
                self._reports.waiting,
                self._logs.waiting,
            )


async def _until(event: asyncio.Event) -> None:
    await event.wait()
