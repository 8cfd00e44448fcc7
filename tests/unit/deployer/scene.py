"""A scene for stories of one key: a worker between a bus, a driver and a clock that the test holds in its hand."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

from ownstack_bus.port import BusError, Outgoing, Record
from ownstack_contracts.envelope import decode, encode
from ownstack_contracts.images import ImageResolveRequested, ImageRetagRequested
from ownstack_contracts.jobs import (
    JobClaimed,
    JobClosed,
    JobGranted,
    Live,
    PostdeployRequested,
    StackAppRemovalRequested,
    StackCheckRequested,
    StackDeployRequested,
    StackJob,
    StackLookRequested,
    StackRunRequested,
)
from ownstack_contracts.message import Message
from ownstack_contracts.topics import DEAD_LETTERS, DEPLOYS, LOGS, REPORTS
from ownstack_deployer.drivers.port import Checked, Driver, Job, Log, Phase, PhaseFailed
from ownstack_deployer.images import ImageJobs
from ownstack_deployer.leases import Heartbeats
from ownstack_deployer.publisher import Publisher
from ownstack_deployer.reporter import Reporter
from ownstack_deployer.settings import Settings
from ownstack_deployer.worker import Worker

M = TypeVar("M", bound=Message)

TEAM = "acme"
KEY = f"{TEAM}/shop@eu-1"
IMAGE = "registry.example/shop@sha256:" + "a" * 64
OLDER = "registry.example/shop@sha256:" + "b" * 64
LEASE = 15
TURNS = 2_000


async def until(holds: Callable[[], object]) -> None:
    """Let the loop turn until something holds; a turn is no time, so it fails after a bounded number of them."""
    for _ in range(TURNS):
        if holds():
            return
        await asyncio.sleep(0)
    raise AssertionError("this never came to hold")


async def idle() -> None:
    """Let the loop turn until nothing that is not waiting can be left to do."""
    for _ in range(100):
        await asyncio.sleep(0)


class FakeClock:
    """Time that passes only when the test says so."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self._waiting: list[tuple[float, asyncio.Future[None]]] = []

    def __call__(self) -> float:
        return self.now

    def at(self, due: float, future: asyncio.Future[None]) -> None:
        """Resolve `future` when `due` has come."""
        self._waiting.append((due, future))

    async def pass_by(self, seconds: float) -> None:
        """Let this much time pass, and what is due happen."""
        await idle()
        self.now += seconds
        for due, future in self._waiting:
            if due <= self.now and not future.done():
                future.set_result(None)
        self._waiting = [(due, future) for due, future in self._waiting if not future.done()]
        await idle()


class FakeInbox:
    """The inbox of a key."""

    key = KEY

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.queue: deque[Record] = deque()
        self.acknowledged: list[int] = []
        self.revoked = False
        self.ahead = 0.0
        """By how many seconds the clock of the bus is ahead of ours."""
        self._offset = 0
        self._waiter: asyncio.Future[None] | None = None

    def put(self, value: bytes) -> int:
        """A record comes in; returns its offset."""
        self._offset += 1
        timestamp = int((self._clock.now + self.ahead) * 1_000)
        self.queue.append(Record(DEPLOYS.name, 0, self._offset, timestamp, KEY, value))
        self.wake()
        return self._offset

    def wake(self) -> None:
        """Whoever waits looks again."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def get(self, timeout: float | None = None) -> Record | None:
        """As the port says."""
        if not self.queue and not self.revoked and timeout != 0:
            self._waiter = asyncio.get_running_loop().create_future()
            if timeout is not None:
                self._clock.at(self._clock.now + timeout, self._waiter)
            await self._waiter
        return self.queue.popleft() if self.queue and not self.revoked else None

    async def done(self, *records: Record) -> None:
        """As the port says."""
        if self.revoked:
            raise BusError("partition-lost", "It went to another member.")
        self.acknowledged += [record.offset for record in records]


class FakeBus:
    """Keeps what is published. `failures` are raised first, one per call; while `stuck`, nothing becomes durable."""

    def __init__(self) -> None:
        self.calls: list[Sequence[Outgoing]] = []
        self.records: list[Outgoing] = []
        self.failures: list[Exception] = []
        self.flowing = asyncio.Event()
        self.flowing.set()

    async def publish(self, records: Sequence[Outgoing]) -> None:
        """As the port says."""
        self.calls.append(tuple(records))
        if self.failures:
            raise self.failures.pop(0)
        await self.flowing.wait()
        self.records += records

    def messages(self, topic: str = REPORTS.name) -> list[Any]:
        """What was said on a topic."""
        return [decode(topic, record.value).message for record in self.records if record.topic == topic]


class FakeDriver:
    """Does what the test says: `outcomes` per phase, `gates` that a phase waits at, `live`."""

    def __init__(self) -> None:
        self.bound: asyncio.Semaphore | None = None
        self.instant = False
        self.live: Live | None = None
        self.outcomes: dict[Phase, Exception] = {}
        self.gates: dict[str, asyncio.Event] = {}
        self.done: list[str] = []
        self.cancelled: list[str] = []
        self.logs: dict[Phase, list[str]] = {}
        self.sets_live = True
        self.has_release_task = True
        self.runs_postdeploy = False
        self.exit_code = 0
        self.config: Sequence[str] | None = ("A", "B")
        self.found: Checked | Exception = Checked()
        self.uncertain: list[bool] = []
        self.repeats = False
        self.removes = False
        self.looks_until: list[float] = []

    def slots(self, request: StackJob) -> asyncio.Semaphore | None:
        return self.bound

    def is_instant(self, request: StackJob) -> bool:
        return self.instant

    def repeats_release_task(self, request: StackJob) -> bool:
        return self.repeats

    def removes_again(self, request: StackJob) -> bool:
        return self.removes

    def hold(self, job: Job) -> FakePlace:
        self.uncertain.append(job.uncertain)
        return FakePlace(self, job)

    async def check(self, request: StackCheckRequested, until: float) -> Checked:
        self.done.append("check")
        if "check" in self.gates:
            await self.gates["check"].wait()
        if isinstance(self.found, Exception):
            raise self.found
        return self.found

    def gate(self, name: str) -> asyncio.Event:
        """From now on `name` waits until what is returned is set."""
        return self.gates.setdefault(name, asyncio.Event())


class FakePlace:
    def __init__(self, driver: FakeDriver, job: Job) -> None:
        self._driver = driver
        self._job = job

    async def __aenter__(self) -> FakePlace:
        await self._do("lock")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._driver.done.append("unlock")

    async def _do(self, name: str, log: Log | None = None) -> None:
        driver = self._driver
        driver.done.append(name)
        if log is not None:
            await log.write(driver.logs.get(name, []))  # type: ignore[call-overload]
        try:
            if name in driver.gates:
                await driver.gates[name].wait()
        except asyncio.CancelledError:
            driver.cancelled.append(name)
            raise
        if outcome := driver.outcomes.get(name):  # type: ignore[call-overload]
            raise outcome

    async def look(self, log: Log, until: float) -> Live | None:
        self._driver.looks_until.append(until)
        await self._do("look", log)
        return self._driver.live

    async def config_keys(self, until: float) -> Sequence[str] | None:
        await self._do("config-keys")
        return self._driver.config

    async def release_task(self, log: Log) -> bool:
        await self._do("release-task", log)
        return self._driver.has_release_task

    async def restart(self, log: Log) -> bool:
        await self._do("restart", log)
        if self._driver.sets_live:
            self._driver.live = mine(self._job.request)
        return self._driver.runs_postdeploy

    async def post_deploy(self, log: Log) -> None:
        await self._do("post-deploy", log)

    async def remove(self, log: Log) -> None:
        await self._do("remove", log)
        self._driver.live = None

    async def run(self, command: Sequence[str], log: Log) -> int:
        await self._do("run", log)
        return self._driver.exit_code


class FakeRegistries:
    """Have what the test says: `outcomes`, one after another, the last of them for ever; None: no such image. They wait
    at `gate`, if there is one."""

    def __init__(self) -> None:
        self.outcomes: list[str | Exception | None] = [None]
        self.gate: asyncio.Event | None = None
        self.asked: list[tuple[str | None, ...]] = []
        self.cancelled = 0

    async def resolve(self, reference: str) -> str | None:
        return await self._outcome("resolve", reference)

    async def retag(self, image: str, tag: str, repository: str | None = None) -> str:
        return await self._outcome("retag", image, tag, repository) or ""

    async def _outcome(self, *asked: str | None) -> str | None:
        self.asked.append(asked)
        try:
            if self.gate is not None:
                await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        outcome = self.outcomes.pop(0) if len(self.outcomes) > 1 else self.outcomes[0]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


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


def deploy(attempt: int = 1, generation: int = 1, **changes: Any) -> StackDeployRequested:
    """A request to deploy IMAGE."""
    return StackDeployRequested(
        **{
            **_common(f"r1.eu-1.{attempt}", generation),
            "deployment": "r1.eu-1",
            "rollout": "r1",
            "attempt": attempt,
            "release": 7,
            "image": IMAGE,
            "config_fingerprint": "none",
            "release_task": True,
            **changes,
        }
    )


def postdeploy() -> PostdeployRequested:
    """A request to run the post-deploy script."""
    return PostdeployRequested(
        **_common("r1.eu-1.postdeploy.1", 1), deployment="r1.eu-1", rollout="r1", attempt=1, release=7, image=IMAGE
    )


def look(*, config: bool = False) -> StackLookRequested:
    """A request to look."""
    return StackLookRequested(**_common("shop.1.eu-1.look.1", 0), config=config)


def command(*words: str) -> StackRunRequested:
    """A request to run a command."""
    return StackRunRequested(**_common("shop.1.eu-1.c1#run", 0), command=words)


def checking(driver: Any = "noop", number: int = 1) -> StackCheckRequested:
    """A request to check the stack."""
    return StackCheckRequested(
        job=f"check.eu-1.{number}", stack="eu-1", driver=driver, address="", settings={}, waiting_until=10_000_000
    )


def resolving(number: int = 1, missing_for: float = 0.0, **changes: Any) -> ImageResolveRequested:
    """A request to find an image, which is looked for until so many seconds after the scene's beginning."""
    return ImageResolveRequested(
        **{
            **_image_job(number),
            "reference": "registry.example/shop:1.0",
            "missing_until": int((1_000 + missing_for) * 1_000),
            **changes,
        }
    )


def retagging(number: int = 1, **changes: Any) -> ImageRetagRequested:
    """A request to give IMAGE a tag."""
    return ImageRetagRequested(**{**_image_job(number), "release": 7, "image": IMAGE, "tag": "shop-v7", **changes})


def _image_job(number: int) -> dict[str, Any]:
    return {
        "job": f"r{number}#image",
        "app": "shop",
        "app_id": "shop.1",
        "rollout": f"r{number}",
        "waiting_until": 10_000_000,
    }


def removal(generation: int = 2) -> StackAppRemovalRequested:
    """A request to remove the app."""
    return StackAppRemovalRequested(**_common("shop.1.eu-1.remove.1", generation))


def _common(job: str, generation: int) -> dict[str, Any]:
    return {
        "job": job,
        "app": "shop",
        "app_id": "shop.1",
        "stack": "eu-1",
        "driver": "noop",
        "address": "",
        "settings": {},
        "generation": generation,
        "waiting_until": 10_000_000,
        "running_deadline": 1_800,
    }


def mine(request: StackJob) -> Live:
    """What is live once this deployment has succeeded."""
    assert isinstance(request, StackDeployRequested)
    return Live(
        image=request.image,
        generation=request.generation,
        deployment=request.deployment,
        release=request.release,
        team=TEAM,
        app_id=request.app_id,
    )


def older(**changes: Any) -> Live:
    """What was live before."""
    return Live(**{"image": OLDER, "generation": 0, "deployment": "r0.eu-1", "release": 6, "team": TEAM, **changes})


def failure(code: str = "exit-3") -> PhaseFailed:
    """A phase that fails."""
    return PhaseFailed(code, "It said: no.")
