"""Driver `noop`: does nothing, after a latency, with a failure rate. For benchmarks and for trying things out.

Settings of the stack: `latency_ms` (of each operation, default 0), `failure_rate` (0 to 1, default 0; by the hash of
the job's id, so the same job always ends the same).
"""

from __future__ import annotations

import asyncio
import hashlib
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType

from ownstack_contracts.jobs import Live, StackCheckRequested, StackJob
from ownstack_deployer.clock import Clock, now
from ownstack_deployer.drivers.port import Checked, Job, Log, PhaseFailed
from ownstack_deployer.live import live_of


@dataclass(slots=True)
class NoopDriver:
    """Remembers in memory what it deployed, for as long as the process lives."""

    clock: Clock = now
    live: dict[str, Live] = field(default_factory=dict)

    def slots(self, request: StackJob) -> None:
        """What takes no effort needs no bound."""
        del request

    def is_instant(self, request: StackJob) -> bool:
        """With no latency there is nothing to lose."""
        return request.settings.get("latency_ms", "0") == "0"

    def repeats_release_task(self, request: StackJob) -> bool:
        """It is a phase of its own."""
        del request
        return False

    def removes_again(self, request: StackJob) -> bool:
        """What is forgotten can be forgotten again."""
        del request
        return True

    def hold(self, job: Job) -> NoopPlace:
        """There is nothing to lock: nothing outlives its run."""
        return NoopPlace(self, job)

    async def check(self, request: StackCheckRequested, until: float) -> Checked:
        """There is nothing that could be wrong."""
        del request, until
        return Checked()


class NoopPlace:
    """An app on a stack that is not there."""

    __slots__ = ("_driver", "_job")

    def __init__(self, driver: NoopDriver, job: Job) -> None:
        self._driver = driver
        self._job = job

    async def __aenter__(self) -> NoopPlace:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    async def look(self, log: Log, until: float) -> Live | None:
        """What was deployed here last."""
        del log
        await self._take_time(until)
        return self._driver.live.get(self._job.place)

    async def config_keys(self, until: float) -> None:
        """It has no config."""
        del until

    async def release_task(self, log: Log) -> bool:
        """Takes its time."""
        del log
        await self._take_time(self._job.until)
        return True

    async def restart(self, log: Log) -> bool:
        """Takes its time, and fails at the rate that is set."""
        del log
        await self._take_time(self._job.until)
        self._maybe_fail()
        self._driver.live[self._job.place] = live_of(self._job)
        return False

    async def post_deploy(self, log: Log) -> None:
        """Takes its time, and fails at the rate that is set."""
        del log
        await self._take_time(self._job.until)
        self._maybe_fail()

    async def remove(self, log: Log) -> None:
        """Takes its time, and forgets."""
        del log
        await self._take_time(self._job.until)
        self._driver.live.pop(self._job.place, None)

    async def run(self, command: Sequence[str], log: Log) -> int:
        """Takes its time, and says what it would have run."""
        await self._take_time(self._job.until)
        await log.write([shlex.join(command)])
        return 0

    async def _take_time(self, until: float) -> None:
        if (text := self._job.request.settings.get("latency_ms", "0")) == "0":
            return
        latency = _number("latency_ms", text) / 1_000
        left = until - self._driver.clock()
        await asyncio.sleep(min(latency, left))
        if latency > left:
            raise PhaseFailed("running-deadline", "The latency of this noop stack is longer than the running deadline.")

    def _maybe_fail(self) -> None:
        if (text := self._job.request.settings.get("failure_rate", "0")) == "0":
            return
        if _share_of(self._job.request.job) < _number("failure_rate", text):
            raise PhaseFailed("noop-failure", "This noop stack has a failure_rate, and this job is one that fails.")


def _number(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise PhaseFailed("noop-settings", f"{name} of a noop stack is a number from 0 on, not {text!r}. Add it anew.")
    return value


def _share_of(job: str) -> float:
    """A number from 0 to 1 that is always the same for a job, and evenly spread over jobs."""
    return int.from_bytes(hashlib.sha256(job.encode()).digest()[:8]) / 2**64
