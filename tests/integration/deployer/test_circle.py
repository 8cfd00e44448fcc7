"""The deployer in the circle: with a real bus, a real promoter and real programs; killed, drained, and under load."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.integration.deployer.circle import PROGRAM, Circle
from tests.integration.deployer.programs import until

ROOT = Path(__file__).parents[3]
STACKS = ("eu-1", "us-1", "ap-1")
ENDS = ("DeploySucceeded", "DeployPartiallySucceeded", "DeployFailed")


@pytest.fixture
async def circle(tmp_path: Path) -> AsyncIterator[Circle]:
    async with Circle(tmp_path) as circle:
        circle.folder.script(PROGRAM)
        yield circle


async def test_a_deployment_goes_to_all_stacks_and_its_output_is_logged(circle: Circle) -> None:
    circle.folder.script('echo "hello from $1" >&2\n' + PROGRAM)
    circle.deployer()
    await circle.has_app(*STACKS)
    await circle.deploys()
    assert (await circle.comes(*ENDS))["type"] == "DeploySucceeded"

    done = ["look", "look done", "look", "look done", "release-task", "release-task done", "restart", "restart done"]
    for stack in STACKS:
        assert circle.journal(stack)[:8] == done
    assert circle.count["PostdeploySucceeded"] == 1
    assert sum(circle.journal(stack).count("post-deploy") for stack in STACKS) == 1
    await wait_for_line(circle, "hello from post-deploy")
    printed = await circle.printed()
    assert {line: printed.count(line) for line in set(printed)} == {
        "hello from look": 6,
        "hello from release-task": 3,
        "hello from restart": 3,
        "hello from post-deploy": 1,
    }


async def wait_for_line(circle: Circle, line: str) -> None:
    async with asyncio.timeout(20):
        while line not in await circle.printed():
            await asyncio.sleep(0.01)


async def test_a_failure_says_why_and_what_it_printed(circle: Circle) -> None:
    circle.folder.script(PROGRAM + '[ "$1" != release-task ] || { echo no database; exit 4; }')
    circle.deployer()
    await circle.has_app("eu-1")
    await circle.deploys()
    failed = (await circle.comes("StackDeployFailed"))["data"]
    assert (failed["phase"], failed["code"]) == ("release-task", "exit-4")
    assert "no database" in failed["message"]


class Killable:
    """The circle in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.circle = Circle(folder)
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it, or start it again."""
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.integration.deployer.circle", self.circle.folder.path, cwd=ROOT
        )

    async def kill(self) -> None:
        """kill -9; the programs that it has started go on."""
        assert self._process is not None
        self._process.kill()
        assert await self._process.wait() == -signal.SIGKILL

    async def end(self) -> None:
        """Leave nothing behind, whatever has become of the test."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def reaches(self, entry: str) -> None:
        """Wait until the program has done something."""
        await until(lambda: self.circle.journal("eu-1")[-1:] == [entry])


@pytest.fixture
async def killable(tmp_path: Path) -> AsyncIterator[Killable]:
    killable = Killable(tmp_path)
    yield killable
    await killable.end()


def of_the_deployment(journal: list[str]) -> list[str]:
    """Without the look that the stack's being added to the app has caused."""
    return journal[2:]


async def test_killed_while_a_restart_goes_on_the_next_one_waits_for_it_looks_and_runs_nothing_again(
    killable: Killable,
) -> None:
    folder = killable.circle.folder
    folder.gate("eu-1.restart")
    await killable.start()
    await killable.reaches("restart")
    await killable.kill()
    async with killable.circle as circle:
        circle.deployer(claim_every=0.1)
        await circle.until(lambda: circle.count["LeaseLapsed"] == 1 and circle.count["JobGranted"] == 3)
        assert circle.journal("eu-1")[-1] == "restart"  # it waits for the lock
        await folder.open("eu-1.restart")
        assert (await circle.comes(*ENDS))["type"] == "DeploySucceeded"
        assert circle.of("JobGranted")[2]["data"]["uncertain"] is True
        assert of_the_deployment(circle.journal("eu-1"))[:8] == [
            "look",
            "look done",
            "release-task",
            "release-task done",
            "restart",
            "restart done",
            "look",
            "look done",
        ]
        assert circle.journal("eu-1").count("restart") == 1


@pytest.mark.parametrize("phase", ["release-task", "restart"])
async def test_killed_with_its_program_the_next_one_looks_before_it_runs_that_phase_again(
    killable: Killable, phase: str
) -> None:
    folder = killable.circle.folder
    folder.gate(f"eu-1.{phase}")
    folder.script(PROGRAM)
    await killable.start()
    await killable.reaches(phase)
    await killable.kill()
    await kill_programs(folder.path)
    (folder.path / f"eu-1.{phase}").unlink()
    async with killable.circle as circle:
        circle.deployer(claim_every=0.1)
        assert (await circle.comes(*ENDS))["type"] == "DeploySucceeded"
        journal = of_the_deployment(circle.journal("eu-1"))
    first = journal.index(phase)
    assert journal[first : first + 5] == [phase, "look", "look done", phase, f"{phase} done"]
    assert journal.count("release-task") == (2 if phase == "release-task" else 1)
    assert journal.count("restart") == (2 if phase == "restart" else 1)


async def kill_programs(folder: Path) -> None:
    """Kill what the deployer that was killed has left: the one that holds the lock."""
    (lock,) = (folder / "state").glob("*.lock")
    for pid in await asyncio.to_thread(holders, lock):
        os.kill(pid, signal.SIGKILL)
    await until(lambda: not holders(lock))


def holders(file: Path) -> list[int]:
    """The processes that have a file open."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/fd/3"):
        try:
            if entry.readlink() == file:
                found.append(int(entry.parts[2]))
        except OSError:
            continue  # it has ended
    return found


async def test_killed_during_a_post_deploy_script_it_is_never_run_again(killable: Killable) -> None:
    killable.circle.folder.gate("eu-1.post-deploy")
    await killable.start()
    await killable.reaches("post-deploy")
    await killable.kill()
    async with killable.circle as circle:
        circle.deployer(claim_every=0.1)
        assert (await circle.comes(*ENDS))["type"] == "DeployPartiallySucceeded"
        assert circle.count["PostdeployUnknown"] == 1
        await circle.folder.open("eu-1.post-deploy")
        assert circle.journal("eu-1").count("post-deploy") == 1


async def test_drained_it_finishes_what_has_begun_and_gives_back_the_rest(circle: Circle) -> None:
    deployer = circle.deployer(postdeploy_grace=0.05)
    await circle.has_app("eu-1", "us-1")
    circle.folder.gate("eu-1.release-task")
    circle.folder.gate("us-1.look")
    await circle.deploys()
    await circle.until(lambda: circle.count["ReleaseTaskStarted"] == 1)
    await until(lambda: circle.journal("us-1")[-1] == "look" and circle.journal("us-1").count("look") == 2)

    draining = asyncio.create_task(deployer.drain())
    assert (await circle.comes("LeaseReturned"))["data"]["stack"] == "us-1"
    assert not draining.done()
    await circle.folder.open("eu-1.release-task")
    await draining
    assert (await circle.comes("StackDeploySucceeded"))["data"]["stack"] == "eu-1"
    assert "release-task" not in circle.journal("us-1")

    (circle.folder.path / "us-1.look").unlink()
    (circle.folder.path / "eu-1.release-task").unlink()
    circle.deployer()
    assert (await circle.comes(*ENDS))["type"] == "DeploySucceeded"
    assert circle.journal("eu-1").count("restart") == 1
    assert circle.count["LeaseLapsed"] == 0


async def test_drained_it_leaves_alone_what_waits_for_its_turn(circle: Circle) -> None:
    deployer = circle.deployer(programs=1, postdeploy_grace=0.05)
    await circle.has_app(*STACKS)
    for stack in STACKS:
        circle.folder.gate(f"{stack}.release-task")
    await circle.deploys()
    await circle.until(lambda: circle.count["ReleaseTaskStarted"] == 1)
    begun = circle.of("ReleaseTaskStarted")[0]["data"]["stack"]
    draining = asyncio.create_task(deployer.drain())
    await circle.folder.open(f"{begun}.release-task")
    await draining
    await circle.comes("StackDeploySucceeded")
    assert circle.count["JobGranted"] == len(STACKS) + 1
    for stack in STACKS:
        (circle.folder.path / f"{stack}.release-task").unlink()
    circle.deployer()
    assert (await circle.comes(*ENDS))["type"] == "DeploySucceeded"
    assert circle.count["ReleaseTaskStarted"] == 3


async def test_a_deployer_that_never_ran_and_one_that_is_idle_can_be_drained(circle: Circle) -> None:
    deployer = circle.deployer(postdeploy_grace=1_000)
    await circle.has_app("eu-1")
    await deployer.drain()
    await deployer.drain()


@pytest.mark.parametrize("latency", ["0", "20"])
async def test_a_thousand_deployments_at_once(circle: Circle, latency: str) -> None:
    stacks = [f"s{number}" for number in range(1_000)]
    deployer = circle.deployer()
    await circle.has_app(*stacks, driver="noop", latency_ms=latency)
    await circle.deploys()
    assert (await circle.comes(*ENDS))["type"] == "DeploySucceeded"
    await deployer.drain()
    for kind in ("ReleaseTaskStarted", "ReleaseTaskSucceeded", "RestartStarted", "StackDeploySucceeded"):
        assert circle.count[kind] == 1_000
    assert circle.count["LeaseLapsed"] == 0


async def test_as_many_fail_as_were_meant_to(circle: Circle) -> None:
    circle.deployer()
    await circle.has_app(*(f"s{number}" for number in range(100)), driver="noop", failure_rate="0.3")
    await circle.deploys()
    assert (await circle.comes(*ENDS))["type"] == "DeployPartiallySucceeded"
    assert 15 < circle.count["StackDeployFailed"] < 45
    assert circle.count["StackDeployFailed"] + circle.count["StackDeploySucceeded"] == 100
