"""How a program is stopped: with its whole group, first asked and then forced."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.integration.deployer.programs import Folder, alive, until

from ownstack_deployer.drivers.program.process import exit_of, start, stop


class Started:
    """A program under way, whose output goes into the file `printed`."""

    def __init__(self, folder: Folder) -> None:
        self.folder = folder
        self.pid = 0

    def start(self, script: str) -> asyncio.Future[int]:
        """Start it; returns what is set to its exit code."""
        output = os.open(self.folder.path / "printed", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            program = str(self.folder.script(f"exec 4<> $HERE/never\n{script}"))
            environment = {"PATH": os.environ["PATH"]}
            self.pid = start(program, "restart", environment, output=output, errors=output, lock=output)
        finally:
            os.close(output)
        return exit_of(self.pid)


@pytest.fixture
async def started(tmp_path: Path) -> AsyncIterator[Started]:
    started = Started(Folder(tmp_path))
    started.folder.gate("never")
    yield started
    try:
        os.killpg(started.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


FAMILY = """
(read x <&4) & echo $! >> $HERE/pids
sh -c 'trap "" TERM
    sh -c "read x <&4" & echo $! >> $HERE/pids
    echo $$ >> $HERE/pids
    read x <&4' &
echo $$ >> $HERE/pids
wait
"""
"""A program, a child, one that does not listen to SIGTERM, and its child, which does not listen either."""


async def test_all_of_its_children_end_with_it_also_those_that_do_not_want_to(started: Started) -> None:
    ended = started.start(FAMILY)
    await until(lambda: started.folder.text("pids").count("\n") == 4)
    await stop(started.pid, ended, grace=0.1)
    pids = [int(pid) for pid in started.folder.text("pids").split()]
    await until(lambda: not any(alive(pid) for pid in pids))
    assert ended.result() == -signal.SIGTERM


async def test_it_may_end_in_good_order(started: Started) -> None:
    ended = started.start("trap 'echo cleaned up; exit 7' TERM\necho >> $HERE/ready\nread x <&4")
    await started.folder.written("ready")
    await stop(started.pid, ended, grace=20)
    assert ended.result() == 7
    assert started.folder.text("printed") == "cleaned up\n"


async def test_its_children_may_end_in_good_order_after_it(started: Started) -> None:
    ended = started.start("sh -c 'trap \"echo child cleaned up; exit\" TERM; echo >> $HERE/ready; read x <&4' &\nwait")
    await started.folder.written("ready")
    await stop(started.pid, ended, grace=20)
    assert ended.result() == -signal.SIGTERM
    assert started.folder.text("printed") == "child cleaned up\n"


async def test_one_that_does_not_listen_is_forced(started: Started) -> None:
    ended = started.start("trap '' TERM; echo >> $HERE/ready; read x <&4")
    await started.folder.written("ready")
    await stop(started.pid, ended, grace=0.1)
    assert ended.result() == -signal.SIGKILL


async def test_one_that_has_ended_already_is_no_trouble(started: Started) -> None:
    ended = started.start("exit 0")
    assert await ended == 0
    await stop(started.pid, ended, grace=20)
