"""The `program` driver: the address of a stack is a program of the user's, run once per phase; exit 0 is success."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from ownstack_contracts.jobs import Live, StackCheckRequested, StackJob, StackRunRequested
from ownstack_deployer.clock import Clock, now
from ownstack_deployer.drivers.output import Captured, Lines, Takes
from ownstack_deployer.drivers.port import Checked, Job, Log, Phase, PhaseFailed, Place
from ownstack_deployer.drivers.program.environment import environment_of
from ownstack_deployer.drivers.program.locks import StackLock, take_lock
from ownstack_deployer.drivers.program.process import check_program
from ownstack_deployer.drivers.program.running import Command, run
from ownstack_deployer.masking import NO_MASK, Mask
from ownstack_deployer.printing import printable


@dataclass(slots=True)
class ProgramDriver:
    """state: the folder of the lock files. programs: how many jobs at once. grace: seconds from SIGTERM to SIGKILL.
    programs_in: the folder below which programs lie, links followed; None: they may lie anywhere."""

    state: Path
    programs: int = 64
    grace: float = 10.0
    programs_in: Path | None = None
    clock: Clock = now
    _slots: asyncio.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        self._slots = asyncio.Semaphore(self.programs)

    def slots(self, request: StackJob) -> asyncio.Semaphore:
        """The programs of all stacks run on this machine."""
        del request
        return self._slots

    def is_instant(self, request: StackJob) -> bool:
        """A program may do anything."""
        del request
        return False

    def repeats_release_task(self, request: StackJob) -> bool:
        """It is a phase of its own."""
        del request
        return False

    def removes_again(self, request: StackJob) -> bool:
        """A program says with `look` whether anything is left, and need not expect to remove nothing."""
        del request
        return False

    def hold(self, job: Job) -> AbstractAsyncContextManager[Place]:
        """Take the file lock that the programs inherit."""
        return self._hold(job)

    @asynccontextmanager
    async def _hold(self, job: Job) -> AsyncIterator[Place]:
        check_program(job.request.address, self.programs_in)
        if isinstance(job.request, StackRunRequested):
            yield ProgramPlace(self, job, None)
            return
        lock = await take_lock(self.state, job, self.clock)
        try:
            yield ProgramPlace(self, job, lock)
        finally:
            lock.let_go()

    async def check(self, request: StackCheckRequested, until: float) -> Checked:
        """Whether there is a program that may be run. It is not: what it would do is not known."""
        del until
        try:
            check_program(request.address, self.programs_in)
        except PhaseFailed as failure:
            return Checked(failure.code, failure.message)
        return Checked()


@dataclass(frozen=True, slots=True)
class ProgramPlace:
    """An app on a stack that is driven by a program."""

    _driver: ProgramDriver
    _job: Job
    _lock: StackLock | None

    async def look(self, log: Log, until: float) -> Live | None:
        """Run `look`: one JSON object on its output, or nothing, or null."""
        printed, errors = Captured(), Lines(log, self._job.mask)
        self._check_exit("look", await self._run("look", until, printed, errors), errors)
        return read_live(bytes(printed.value), self._job.mask, too_long=printed.too_long)

    async def config_keys(self, until: float) -> None:
        """A program is not asked for them."""
        del until

    async def release_task(self, log: Log) -> bool:
        """Run `release-task`. Whether it found anything to do, it does not say."""
        await self._phase("release-task", log)
        return True

    async def restart(self, log: Log) -> bool:
        """Run `restart`."""
        await self._phase("restart", log)
        return False

    async def post_deploy(self, log: Log) -> None:
        """Run `post-deploy`."""
        await self._phase("post-deploy", log)

    async def remove(self, log: Log) -> None:
        """Run `remove`."""
        await self._phase("remove", log)

    async def run(self, command: Sequence[str], log: Log) -> int:
        """Run `run` with the command as further arguments. A signal that killed it is told as a shell does."""
        exit_code = await self._run("run", self._job.until, Lines(log, self._job.mask), more=command)
        return exit_code if exit_code >= 0 else 128 - exit_code

    async def _phase(self, phase: Phase, log: Log) -> None:
        lines = Lines(log, self._job.mask)
        self._check_exit(phase, await self._run(phase, self._job.until, lines), lines)

    async def _run(self, phase: Phase, until: float, *sinks: Takes, more: Sequence[str] = ()) -> int:
        address = self._job.request.address
        check_program(address, self._driver.programs_in)
        command = Command(address, phase, environment_of(self._job, phase, os.environ), self._lock, more)
        driver = self._driver
        return await run(command, self._job, sinks, until=until, clock=driver.clock, grace=driver.grace)

    def _check_exit(self, phase: Phase, exit_code: int, lines: Lines) -> None:
        if exit_code == 0:
            return
        code, how = _ending(exit_code)
        raise PhaseFailed(code, f"{self._job.request.address} {phase} {how}{lines.last}")


def _ending(exit_code: int) -> tuple[str, str]:
    if exit_code > 0:
        return f"exit-{exit_code}", f"ended with exit code {exit_code}"
    try:
        name = signal.Signals(-exit_code).name
    except ValueError:  # a real-time signal has no name
        name = f"signal-{-exit_code}"
    return f"killed-by-{name.lower()}", f"was killed by {name}"


def read_live(printed: bytes, mask: Mask = NO_MASK, *, too_long: bool = False) -> Live | None:
    """What a program's `look` says is live. Raises PhaseFailed `look-unreadable`, whose message is masked."""
    text = printed.strip()
    if text in (b"", b"null"):
        return None
    try:
        if too_long:
            raise ValueError("it is longer than 64 KiB")
        return Live.model_validate_json(text)
    except ValueError as error:
        reason = _first_error(error) if isinstance(error, ValidationError) else error
        shown = mask.cut(printable(text.decode("utf-8", "replace")), 200, whole=not too_long)
        raise PhaseFailed(
            "look-unreadable",
            f"What `look` printed can't be read: {reason}. It is one JSON object, or nothing. It began with: {shown}",
        ) from error


def _first_error(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}" if where else first["msg"]
