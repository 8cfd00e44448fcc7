"""A scene for stories of one key: a worker between a bus, a driver and a clock that the test holds in its hand."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, TypeVar

from tests.unit.deployer.fakes import FakeBus, FakeClock, FakeDriver, FakeInbox, FakeRegistries, until
from tests.unit.deployer.requests import TEAM

from ownstack_bus.port import Outgoing
from ownstack_contracts.envelope import encode
from ownstack_contracts.jobs import StackJob
from ownstack_contracts.leases import JobClaimed, JobClosed, JobGranted
from ownstack_contracts.message import Message
from ownstack_contracts.topics import DEAD_LETTERS, LOGS
from ownstack_deployer.drivers.port import Driver
from ownstack_deployer.images import ImageJobs
from ownstack_deployer.leases import Heartbeats
from ownstack_deployer.publisher import Publisher
from ownstack_deployer.reporter import Reporter
from ownstack_deployer.settings import Settings
from ownstack_deployer.worker import Worker

M = TypeVar("M", bound=Message)

LEASE = 15


class Scene:
    """One key of one deployer."""

    def __init__(self, driver: Driver | FakeDriver) -> None:
        self.clock = FakeClock()
        self.inbox = FakeInbox(self.clock)
        self.bus = FakeBus()
        self.driver: Any = driver
        self.registries = FakeRegistries()
        self.reports = Publisher(self.bus, "reports", sleep=self._sleep)
        self.logs = Publisher(self.bus, "logs", sleep=self._sleep)
        self.reporter = Reporter(self.reports, self.logs, "d1")
        self.heartbeats = Heartbeats(self.reporter.beat, self.clock)
        self.worker = Worker(
            drivers={"noop": driver, "program": driver},
            reporter=self.reporter,
            heartbeats=self.heartbeats,
            bury=self.reporter.bury,
            settings=Settings(name="d1", state=Path("/nowhere")),
            clock=self.clock,
            images=ImageJobs(self.registries, self.clock),
            date=self.clock,
        )
        self.actor: asyncio.Task[None] | None = None
        self._services = [asyncio.create_task(part.run()) for part in (self.reports, self.logs)]
        self._heard = 0

    async def _sleep(self, seconds: float) -> None:
        future = asyncio.get_running_loop().create_future()
        self.clock.at(self.clock.now + seconds, future)
        await future

    async def close(self) -> None:
        """End what goes on."""
        tasks = [*self._services, *self.worker.under_way, *([self.actor] if self.actor else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def comes(self, message: Message | bytes) -> int:
        """A record comes in; the bus starts the actor if none runs. Returns its offset."""
        value = message if isinstance(message, bytes) else encode(message, source="/p", team=TEAM, id="fact/1")
        offset = self.inbox.put(value)
        self.starts()
        return offset

    def starts(self) -> None:
        """As the bus does while the inbox is not empty."""
        if (self.actor is None or self.actor.done()) and self.inbox.queue:
            self.actor = asyncio.create_task(self._attend())

    async def _attend(self) -> None:
        while self.inbox.queue and not self.inbox.revoked:
            await self.worker.act(self.inbox)

    async def hears(self, kind: type[M]) -> M:
        """The next report of this kind; those before it are passed over."""
        found: list[M] = []

        def look() -> bool:
            messages = self.bus.messages()
            for number in range(self._heard, len(messages)):
                if isinstance(messages[number], kind):
                    self._heard = number + 1
                    found.append(messages[number])
                    return True
            return False

        await until(look)
        return found[0]

    def grants(self, claim: JobClaimed, **changes: Any) -> int:
        """The promoter grants this claim."""
        fields: dict[str, Any] = {
            "kind": "deploy",
            "lease": LEASE,
            "uncertain": False,
            "release_task_done": False,
            "running_until": int((self.clock.now + self.inbox.ahead + 1_800) * 1_000),
            **changes,
        }
        return self.comes(JobGranted(job=claim.job, run=claim.run, app=claim.app, stack=claim.stack, **fields))

    def closes(self, job: StackJob, reason: Any = "ended") -> int:
        """The promoter closes this job."""
        return self.comes(JobClosed(job=job.job, app=job.app, stack=job.stack, reason=reason))

    async def is_over(self) -> None:
        """The actor has nothing to do any more."""
        await until(lambda: self.actor is not None and self.actor.done())
        assert self.actor is not None
        self.actor.result()

    @property
    def said(self) -> list[str]:
        """The types of all reports, in order."""
        return [message.type_name() for message in self.bus.messages()]

    @property
    def logged(self) -> list[Any]:
        """All records of logs."""
        return self.bus.messages(LOGS.name)

    @property
    def dead_letters(self) -> list[Outgoing]:
        return [record for record in self.bus.records if record.topic == DEAD_LETTERS.name]
