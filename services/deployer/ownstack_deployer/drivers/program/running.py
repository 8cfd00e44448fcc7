"""One run of a program: its pipes, its deadline, its end."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ownstack_deployer.drivers.port import Job, Phase, PhaseFailed
from ownstack_deployer.drivers.program.locks import ABOVE_STANDARD, StackLock
from ownstack_deployer.drivers.program.output import Pump, Takes
from ownstack_deployer.drivers.program.process import exit_of, kill, start, stop


@dataclass(frozen=True, slots=True)
class Command:
    """What is run: `path` with the phase as its only argument, in this environment, holding this lock."""

    path: str
    phase: Phase
    environment: Mapping[str, str]
    lock: StackLock


async def run(command: Command, job: Job, sinks: Sequence[Takes], *, seconds: float, grace: float) -> int:
    """Run a program to its end. `sinks`: where its output goes and, if there is a second, its errors.

    Returns its exit code (negative: the signal that killed it). Raises PhaseFailed `running-deadline` when it had to
    be stopped after `seconds`; it then had `grace` seconds to end by itself. Cancelled: a look is killed, anything else
    is left to end by itself, and keeps the lock.
    """
    pid, reads = _start(command, len(sinks))
    ended = exit_of(pid)
    pumps = [Pump(read, sink) for read, sink in zip(reads, sinks, strict=True)]
    pumping = [asyncio.create_task(pump.run()) for pump in pumps]
    try:
        await asyncio.wait([ended], timeout=max(seconds, 0))
        if not ended.done():
            await stop(pid, ended, grace)
            raise _too_late(job, command.phase)
        return ended.result()
    except asyncio.CancelledError:
        if command.phase == "look":
            await kill(pid, ended)
        raise
    finally:
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


def _start(command: Command, pipes: int) -> tuple[int, list[int]]:
    """Returns the process id, and what to read: its output, and its errors if they have a pipe of their own."""
    reads: list[int] = []
    writes: list[int] = []
    try:
        for _ in range(pipes):
            _open_pipe(reads, writes)
        pid = start(
            command.path,
            command.phase,
            command.environment,
            output=writes[0],
            errors=writes[-1],
            lock=command.lock.descriptor,
        )
    except BaseException as error:
        _close(reads)
        if isinstance(error, OSError):
            raise PhaseFailed("program-not-started", f"No pipe could be opened: {error.strerror}.") from error
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
