"""What the tests of the deployer hold in their hand: time, the bus, an inbox, a driver and registries."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from tests.unit.deployer.requests import KEY, mine

from ownstack_bus.port import BusError, Outgoing, Record
from ownstack_contracts.envelope import decode
from ownstack_contracts.jobs import Live, StackCheckRequested, StackJob
from ownstack_contracts.topics import DEPLOYS, REPORTS
from ownstack_deployer.drivers.port import Checked, Job, Log, Phase

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
