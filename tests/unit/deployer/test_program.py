"""The program driver on a machine that has run out of something: of ways to watch a program, of room for its lock."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytest
from tests.unit.deployer.requests import TEAM, deploy

from ownstack_deployer.clock import now
from ownstack_deployer.drivers.output import Captured
from ownstack_deployer.drivers.port import Job, PhaseFailed
from ownstack_deployer.drivers.program import running
from ownstack_deployer.drivers.program.locks import take_lock
from ownstack_deployer.drivers.program.running import Command


def job(seconds: float = 20) -> Job:
    return Job(TEAM, deploy(), "run1", now() + seconds)


@pytest.fixture(params=["no descriptor", "nothing to watch it with"])
def unwatched(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program's end is told by no descriptor, and no thread can be had."""
    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if thread.name.startswith("wait-"):
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    if request.param == "no descriptor":

        def missing(_: int) -> int:
            raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

        monkeypatch.setattr(os, "pidfd_open", missing, raising=False)
        return
    if not hasattr(os, "pidfd_open"):
        pytest.skip("this machine has none to watch")
    loop: Any = asyncio.SelectorEventLoop
    add_reader, pidfd_open, ends = loop.add_reader, os.pidfd_open, set[int]()

    def opened(pid: int) -> int:
        descriptor = pidfd_open(pid)
        ends.add(descriptor)
        return descriptor

    def full(self: asyncio.AbstractEventLoop, descriptor: int, *arguments: object) -> None:
        if descriptor in ends:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        add_reader(self, descriptor, *arguments)

    monkeypatch.setattr(os, "pidfd_open", opened)
    monkeypatch.setattr(loop, "add_reader", full)


async def run(tmp_path: Path, script: str, of: Job) -> int:
    """The exit code of a program that holds the lock of its stack."""
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\n{script}\n")
    program.chmod(0o755)
    lock = await take_lock(tmp_path / "state", of, now)
    try:
        command = Command(str(program), "restart", {"PATH": os.environ["PATH"]}, lock)
        return await running.run(command, of, [Captured()], until=of.until, clock=now, grace=1)
    finally:
        lock.let_go()


@pytest.mark.usefixtures("unwatched")
async def test_a_program_that_nothing_watches_is_looked_at_until_it_ends(tmp_path: Path) -> None:
    assert await run(tmp_path, "exit 7", job()) == 7


@pytest.mark.usefixtures("unwatched")
async def test_a_program_that_nothing_watches_is_stopped_at_its_deadline(tmp_path: Path) -> None:
    with pytest.raises(PhaseFailed) as failed:
        await run(tmp_path, "exec sleep 60", job(seconds=0.5))
    assert failed.value.code == "running-deadline"
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


@pytest.mark.usefixtures("unwatched")
async def test_a_program_that_nothing_watches_keeps_its_lock_when_its_run_is_cancelled(tmp_path: Path) -> None:
    restarting = asyncio.create_task(run(tmp_path, "exec sleep 60", job()))
    async with asyncio.timeout(10):
        while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text().endswith("\n"):
            await asyncio.sleep(0.01)
    restarting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await restarting
    try:
        with pytest.raises(PhaseFailed, match="still runs"):
            await take_lock(tmp_path / "state", job(seconds=0), now)
    finally:
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
    (await take_lock(tmp_path / "state", job(), now)).let_go()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
async def test_where_the_disk_is_full_room_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "mkdir", full)
    with pytest.raises(PhaseFailed, match=f"{os.strerror(number)}. Free some room there, or choose another") as failed:
        await take_lock(tmp_path / "state", job(), now)
    assert (failed.value.code, "writable" in str(failed.value)) == ("state-unusable", False)
