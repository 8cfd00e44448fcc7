"""The stack-side lock of the program driver: a file that is flock'ed, and whose descriptor the programs inherit.

flock belongs to the open file, not to the process: when the deployer is killed, its programs go on holding the lock
until the last of them has ended or has closed the descriptor.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import hashlib
import os
from pathlib import Path

from ownstack_deployer.clock import Clock
from ownstack_deployer.drivers.port import Job, PhaseFailed
from ownstack_deployer.drivers.program.patience import with_descriptors

FIRST_PAUSE, LONGEST_PAUSE = 0.02, 0.5
"""Seconds between two tries; flock can't be waited for without a thread that can't be stopped."""
ABOVE_STANDARD = 10
"""Descriptors from here on: those that a program is given (0 to 3) must not be in the way when it is started."""

_FULL = (errno.ENOSPC, errno.EDQUOT)


def lock_path(state: Path, place: str) -> Path:
    """The lock file of `team/app@stack`: readable, and one for each whatever the names are."""
    readable = place.partition("/")[2]
    return state / f"{readable}-{hashlib.sha256(place.encode()).hexdigest()[:16]}.lock"


class StackLock:
    """A lock that is held. `descriptor` is what programs inherit."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.outlived = False
        """Whether a program is left that has to keep the lock until it ends."""

    def let_go(self) -> None:
        """Unlock for everyone who inherited it: what a program left running does not hold it. Unless it is outlived:
        then whoever inherited it keeps it."""
        if not self.outlived:
            fcntl.flock(self.descriptor, fcntl.LOCK_UN)
        os.close(self.descriptor)


async def take_lock(state: Path, job: Job, clock: Clock) -> StackLock:
    """Take the lock of the job's app on its stack, waiting until `job.until` for whoever holds it.

    Raises PhaseFailed: `lock-timeout`; `state-unusable` if the folder `state` can't be written.
    """
    descriptor = await _opened(lock_path(state, job.place), job.until, clock)
    try:
        await _lock(descriptor, job, clock)
    except BaseException:
        os.close(descriptor)
        raise
    return StackLock(descriptor)


async def _opened(path: Path, until: float, clock: Clock) -> int:
    try:
        return await with_descriptors(lambda: _open(path), until, clock)
    except OSError as error:
        cure = "Free some room there" if error.errno in _FULL else "Make its folder writable for the deployer"
        raise PhaseFailed(
            "state-unusable",
            f"The lock {path} can't be opened: {error.strerror}. {cure}, or choose another with "
            "OWNSTACK_DEPLOYER_STATE.",
        ) from error


def _open(path: Path) -> int:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    first = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        return fcntl.fcntl(first, fcntl.F_DUPFD_CLOEXEC, ABOVE_STANDARD)
    finally:
        os.close(first)


async def _lock(descriptor: int, job: Job, clock: Clock) -> None:
    pause = FIRST_PAUSE
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            left = job.until - clock()
        else:
            return
        if left <= 0:
            raise PhaseFailed(
                "lock-timeout",
                f"An earlier program of {job.request.app} still runs on {job.request.stack}, or has left something "
                "running that keeps descriptor 3 open. End it, or wait for it, then try again.",
            )
        await asyncio.sleep(min(pause, left))
        pause = min(pause * 2, LONGEST_PAUSE)
