"""A program under way: started without a shell in a session of its own, awaited, and stopped with all its children.

posix_spawn, because the lock is to be descriptor 3 in the program, which `subprocess` can only do with code of ours
between fork and exec; that is not safe beside threads.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path

from ownstack_deployer.drivers.port import PhaseFailed

LOCK_DESCRIPTOR = 3
"""Where the program finds the lock. A single digit, so that `3>&-` closes it in every shell."""
EXIT_POLL = 0.05
"""Seconds between two looks whether a program has ended that can't be watched."""
GROUP_POLL = 0.05
"""Seconds between two looks whether a process group has ended."""
UNKILLABLE_AFTER = 10.0
"""Seconds after which a killed program that does not end (its file server hangs, say) is left to the kernel."""

_IGNORED_BY_PYTHON_OR_NOHUP = (
    signal.SIGPIPE,
    signal.SIGXFSZ,
    signal.SIGHUP,
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGTERM,
)


def check_program(path: str, folder: Path | None) -> None:
    """Raise PhaseFailed if `path` is no program that we may run. `folder`: where it has to lie, if anywhere."""
    if not path.startswith("/") or "\0" in path:
        raise PhaseFailed(
            "program-not-absolute",
            f"The address of the stack, {path!r}, is not the absolute path of a program. Add the stack anew with one.",
        )
    if folder is not None and not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder)):
        raise PhaseFailed(
            "program-not-allowed",
            f"{path} does not lie in {folder}: the deployer runs no programs from elsewhere "
            "(OWNSTACK_DEPLOYER_PROGRAMS_IN). Put it there, then add the stack anew with its path.",
        )
    if not os.path.exists(path):  # noqa: PTH110 - Path.exists raises on a folder that may not be searched
        raise PhaseFailed("program-missing", f"There is no program {path}. Put it there, or add the stack anew.")
    if os.path.isdir(path) or not os.access(path, os.X_OK):  # noqa: PTH112 - as above
        raise PhaseFailed("program-not-executable", f"{path} may not be run by the deployer: chmod +x {path}")


def start(
    path: str, arguments: Sequence[str], environment: Mapping[str, str], *, output: int, errors: int, lock: int | None
) -> int:
    """Start the program with these arguments. Returns its process id, which is also that of its group.

    output, errors, lock: descriptors from 10 on; lock None: it inherits none.
    Raises OSError or ValueError if it can't be started.
    """
    null = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.posix_spawn(
            path,
            [path, *arguments],
            environment,
            file_actions=[
                (os.POSIX_SPAWN_DUP2, null, 0),
                (os.POSIX_SPAWN_DUP2, output, 1),
                (os.POSIX_SPAWN_DUP2, errors, 2),
                *([] if lock is None else [(os.POSIX_SPAWN_DUP2, lock, LOCK_DESCRIPTOR)]),
                *((os.POSIX_SPAWN_CLOSE, descriptor) for descriptor in _inherited()),
            ],
            setsid=True,
            setsigmask=(),
            setsigdef=_IGNORED_BY_PYTHON_OR_NOHUP,
        )
    finally:
        os.close(null)


def _inherited() -> list[int]:
    """What we got from whoever started us, and would pass on: nothing that we open is inheritable."""
    inherited = []
    for name in os.listdir("/dev/fd"):  # noqa: PTH208 - numbers, not paths
        descriptor = int(name)
        with contextlib.suppress(OSError):  # the one that was listed through is closed
            if descriptor > LOCK_DESCRIPTOR and os.get_inheritable(descriptor):
                inherited.append(descriptor)
    return inherited


def not_started(path: str, error: OSError | ValueError) -> PhaseFailed:
    """How a program fails that can't be started because of `error`."""
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.ENOENT:
        return PhaseFailed("program-missing", f"{path}, or the interpreter that its first line names, is not there.")
    if number == errno.EACCES:
        return PhaseFailed("program-not-executable", f"{path} may not be run by the deployer: chmod +x {path}")
    if number == errno.ENOEXEC:
        return PhaseFailed(
            "program-not-executable", f"{path} is no program: a script begins with a line like #!/bin/sh"
        )
    if number == errno.E2BIG:
        return PhaseFailed(
            "environment-too-long",
            f"{path} could not be started: the config of the app, or the command, is longer than this machine passes "
            "to a program (on Linux 128 KiB for one value). Have the app read what is long from elsewhere.",
        )
    reason = error.strerror if isinstance(error, OSError) else error
    return PhaseFailed("program-not-started", f"{path} could not be started: {reason}. Mend that, then try again.")


def exit_of(pid: int) -> asyncio.Future[int]:
    """What is set to the program's exit code (negative: the signal that killed it) when it has ended."""
    ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    if not _watch(pid, ended):
        _look(pid, ended)
    return ended


def _watch(pid: int, ended: asyncio.Future[int]) -> bool:
    """Watch it by a descriptor. False: there are none (macOS, an old kernel, too many open files)."""
    loop = asyncio.get_running_loop()
    try:
        descriptor = os.pidfd_open(pid)
    except (AttributeError, OSError):
        return False

    def reap() -> None:
        loop.remove_reader(descriptor)
        os.close(descriptor)
        _tell(ended, os.waitpid(pid, 0)[1])

    try:
        loop.add_reader(descriptor, reap)
    except OSError:  # the kernel watches no more
        os.close(descriptor)
        return False
    return True


def _look(pid: int, ended: asyncio.Future[int]) -> None:
    """Look now and then, which takes nothing that could have run out: nobody may lose sight of what was started."""
    found, status = os.waitpid(pid, os.WNOHANG)
    if found:
        _tell(ended, status)
    else:
        ended.get_loop().call_later(EXIT_POLL, _look, pid, ended)


def _tell(ended: asyncio.Future[int], status: int) -> None:
    if not ended.done():
        ended.set_result(os.waitstatus_to_exitcode(status))


async def stop(pid: int, ended: asyncio.Future[int], grace: float) -> None:
    """End the program and all of its group: SIGTERM, then after `grace` seconds SIGKILL."""
    _signal_group(pid, signal.SIGTERM)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(grace):
            await asyncio.shield(ended)
            while _signal_group(pid, 0):  # noqa: ASYNC110 - nothing tells when a group has ended
                await asyncio.sleep(GROUP_POLL)
            return
    await kill(pid, ended)


async def kill(pid: int, ended: asyncio.Future[int]) -> None:
    """SIGKILL to the whole group."""
    _signal_group(pid, signal.SIGKILL)
    await asyncio.wait([ended], timeout=UNKILLABLE_AFTER)


def _signal_group(pid: int, number: int) -> bool:
    """Whether there is still somebody in the group."""
    try:
        os.killpg(pid, number)
    except ProcessLookupError:
        return False
    except PermissionError:  # someone in it became another user (sudo): the others got it
        return True
    return True
