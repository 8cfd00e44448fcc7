"""One run of a program: its pipes, its deadline, its end."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ownstack_deployer.clock import Clock
from ownstack_deployer.drivers.output import Takes
from ownstack_deployer.drivers.port import Job, Phase, PhaseFailed
from ownstack_deployer.drivers.program.locks import ABOVE_STANDARD, StackLock
from ownstack_deployer.drivers.program.output import Pump
from ownstack_deployer.drivers.program.patience import with_descriptors
from ownstack_deployer.drivers.program.process import exit_of, kill, not_started, start, stop


@dataclass(frozen=True, slots=True)
class Command:
    """What is run: `path` with the phase as its first argument, in this environment, holding this lock, if any."""

    path: str
    phase: Phase
    environment: Mapping[str, str] = field(repr=False)
    lock: StackLock | None
    more: Sequence[str] = ()


async def run(command: Command, job: Job, sinks: Sequence[Takes], *, until: float, clock: Clock, grace: float) -> int:
    """Run a program to its end. `sinks`: where its output goes and, if there is a second, its errors.

    Returns its exit code (negative: the signal that killed it). Raises PhaseFailed: `program-…` if it can't be
    started; `running-deadline` when it had to be stopped at `until`, on the clock; it then had `grace` seconds to end
    by itself. Cancelled: a look is killed, anything else is left to end by itself, and keeps the lock.
    """
    pid, reads = await _started(command, len(sinks), until, clock)
    ended = exit_of(pid)
    pumps = [Pump(read, sink) for read, sink in zip(reads, sinks, strict=True)]
    pumping = [asyncio.create_task(pump.run()) for pump in pumps]
    try:
        await asyncio.wait([ended], timeout=max(until - clock(), 0))
        if not ended.done():
            await stop(pid, ended, grace)
            raise _too_late(job, command.phase)
        return ended.result()
    except asyncio.CancelledError:
        if command.phase == "look":
            await kill(pid, ended)
        raise
    finally:
        if command.lock is not None:
            command.lock.outlived |= not ended.done()
        for pump in pumps:
            pump.program_ended()
        await asyncio.gather(*pumping)


def _too_late(job: Job, phase: Phase) -> PhaseFailed:
    return PhaseFailed(
        "running-deadline",
        f"{phase} of {job.request.app} on {job.request.stack} had not ended by the running deadline and was stopped. "
        "See its log; give the app a longer running deadline if it needs one.",
    )


async def _started(command: Command, pipes: int, until: float, clock: Clock) -> tuple[int, list[int]]:
    """Returns the process id, and what to read: its output, and its errors if they have a pipe of their own."""
    try:
        return await with_descriptors(lambda: _start(command, pipes), until, clock)
    except (OSError, ValueError) as error:
        raise not_started(command.path, error) from error


def _start(command: Command, pipes: int) -> tuple[int, list[int]]:
    reads: list[int] = []
    writes: list[int] = []
    try:
        for _ in range(pipes):
            _open_pipe(reads, writes)
        pid = start(
            command.path,
            [command.phase, *command.more],
            command.environment,
            output=writes[0],
            errors=writes[-1],
            lock=None if command.lock is None else command.lock.descriptor,
        )
    except BaseException:
        _close(reads)
        raise
    finally:
        _close(writes)
    return pid, reads


def _open_pipe(reads: list[int], writes: list[int]) -> None:
    read, low = os.pipe()
    reads.append(read)
    try:
        writes.append(fcntl.fcntl(low, fcntl.F_DUPFD_CLOEXEC, ABOVE_STANDARD))
    finally:
        os.close(low)


def _close(descriptors: list[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
