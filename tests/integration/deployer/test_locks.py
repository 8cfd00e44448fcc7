"""The lock of the program driver: one run at a time, also across deployers that were killed or cancelled."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest
from tests.integration.deployer.programs import Kept, Stage, alive, job, until

from ownstack_deployer.clock import now
from ownstack_deployer.drivers.port import PhaseFailed
from ownstack_deployer.drivers.program.driver import ProgramDriver
from ownstack_deployer.drivers.program.locks import lock_path

ROOT = Path(__file__).parents[3]


def another_deployer(stage: Stage) -> ProgramDriver:
    """A driver on the same machine that shares nothing but the folder of the locks."""
    return ProgramDriver(stage.driver.state)


async def turns() -> None:
    """Let the others come to where they wait."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_another_deployer_waits_for_the_lock_of_the_same_app_on_the_same_stack(stage: Stage) -> None:
    stage.folder.script("true")
    taken = asyncio.Event()

    async def other() -> None:
        async with another_deployer(stage).hold(job(stage.folder.program)):
            taken.set()

    async with stage.driver.hold(job(stage.folder.program)):
        waiting = asyncio.create_task(other())
        await turns()
        assert not taken.is_set()
        async with another_deployer(stage).hold(job(stage.folder.program, app="other")):
            assert not taken.is_set()  # another app on the same stack is not in its way
    await waiting
    assert taken.is_set()


async def test_one_who_waits_past_the_deadline_is_told_why(stage: Stage) -> None:
    stage.folder.script("true")
    async with stage.driver.hold(job(stage.folder.program)):
        with pytest.raises(PhaseFailed, match="descriptor 3") as failed:
            async with another_deployer(stage).hold(job(stage.folder.program, seconds=0.1)):
                raise AssertionError
    assert failed.value.code == "lock-timeout"


async def test_waiting_may_be_cancelled(stage: Stage) -> None:
    stage.folder.script("true")
    async with stage.driver.hold(job(stage.folder.program)):
        waiting = asyncio.create_task(another_deployer(stage).hold(job(stage.folder.program)).__aenter__())
        await turns()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
    async with another_deployer(stage).hold(job(stage.folder.program, seconds=0)):
        pass


async def test_a_folder_that_cannot_be_used_is_told(stage: Stage) -> None:
    stage.folder.script("true")
    (stage.folder.path / "state").write_text("a file")
    with pytest.raises(PhaseFailed, match="OWNSTACK_DEPLOYER_STATE") as failed:
        await stage.restart()
    assert failed.value.code == "state-unusable"


def test_places_that_look_alike_have_locks_of_their_own(tmp_path: Path) -> None:
    places = ["a/b@c", "b/b@c", "a/b@d", "a/c@b"]
    assert len({lock_path(tmp_path, place) for place in places}) == 4


async def test_a_look_that_is_cancelled_is_killed_and_leaves_the_lock_free(stage: Stage) -> None:
    stage.folder.gate("never")
    stage.folder.script("exec 4<> $HERE/never\necho $$ > $HERE/pid; read x <&4")
    looking = asyncio.create_task(stage.with_place(lambda place: place.look(Kept(), now() + 60)))
    pid = int(await stage.folder.written("pid"))
    looking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await looking
    assert not alive(pid)
    async with another_deployer(stage).hold(job(stage.folder.program, seconds=0)):
        pass


async def test_a_restart_that_is_cancelled_goes_on_and_keeps_the_lock_until_it_ends(stage: Stage) -> None:
    stage.folder.gate("gate")
    stage.folder.script("echo $$ > $HERE/pid; read x < $HERE/gate; echo done > $HERE/result")
    restarting = asyncio.create_task(stage.restart())
    await stage.folder.written("pid")
    restarting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await restarting
    with pytest.raises(PhaseFailed, match="still runs"):
        async with another_deployer(stage).hold(job(stage.folder.program, seconds=0)):
            raise AssertionError
    await stage.folder.open("gate")
    async with another_deployer(stage).hold(job(stage.folder.program)):
        assert stage.folder.text("result") == "done\n"


DEPLOYER = """
import asyncio, sys
from pathlib import Path
from tests.integration.deployer.programs import Stage
asyncio.run(Stage(Path(sys.argv[1])).restart())
"""


async def test_a_program_whose_deployer_is_killed_goes_on_and_keeps_the_lock_until_it_ends(stage: Stage) -> None:
    stage.folder.gate("gate")
    stage.folder.script("echo $$ > $HERE/pid; read x < $HERE/gate; echo done > $HERE/result")
    deployer = await asyncio.create_subprocess_exec(sys.executable, "-c", DEPLOYER, stage.folder.path, cwd=ROOT)
    program = int(await stage.folder.written("pid"))
    os.kill(deployer.pid, signal.SIGKILL)
    assert await deployer.wait() == -signal.SIGKILL
    assert alive(program)

    with pytest.raises(PhaseFailed, match="still runs"):
        async with another_deployer(stage).hold(job(stage.folder.program, seconds=0)):
            raise AssertionError
    await stage.folder.open("gate")
    async with another_deployer(stage).hold(job(stage.folder.program)):
        assert stage.folder.text("result") == "done\n"
    await until(lambda: not alive(program))
