"""The program driver runs commands beside an app, and checks that there is a program."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from tests.integration.deployer.programs import TEAM, Stage, job

from ownstack_contracts.jobs import StackCheckRequested, StackRunRequested
from ownstack_deployer.clock import now
from ownstack_deployer.drivers.port import Checked, Job, Place


@asynccontextmanager
async def beside(stage: Stage) -> AsyncIterator[Place]:
    """The place of a command."""
    fields = job(stage.folder.program).request.model_dump()
    known = {name: fields[name] for name in StackRunRequested.model_fields if name in fields}
    request = StackRunRequested(**known, command=("x",))
    async with stage.driver.hold(Job(TEAM, request, "run2", now() + 60)) as place:
        yield place


async def run(stage: Stage, *command: str) -> int:
    async with beside(stage) as place:
        return await place.run(command, stage.log)


def check(program: object) -> StackCheckRequested:
    return StackCheckRequested(
        job="check.1", stack="eu-1", driver="program", address=str(program), settings={}, waiting_until=0
    )


async def test_a_command_comes_after_the_word_run_as_it_is(stage: Stage) -> None:
    stage.folder.script('for word in "$@"; do echo "<$word>"; done; echo $OWNSTACK_PHASE')
    assert await run(stage, "rake", "a b", "", "$HOME", "-n") == 0
    assert stage.log.lines == ["<run>", "<rake>", "<a b>", "<>", "<$HOME>", "<-n>", "run"]


@pytest.mark.parametrize(("ending", "code"), [("exit 7", 7), ("kill -TERM $$", 143), ("kill -KILL $$", 137)])
async def test_how_it_ended_is_told_as_a_shell_tells_it(stage: Stage, ending: str, code: int) -> None:
    stage.folder.script(ending)
    assert await run(stage, "x") == code


async def test_a_command_runs_while_the_app_is_locked_and_holds_no_lock(stage: Stage) -> None:
    stage.folder.script('[ -e /dev/fd/3 ] && echo "a lock"; echo done')
    async with stage.driver.hold(job(stage.folder.program)):
        assert await run(stage, "x") == 0
    assert stage.log.lines == ["done"]


async def test_it_tells_no_config(stage: Stage) -> None:
    stage.folder.script("true")
    async with beside(stage) as place:
        assert await place.config_keys(now() + 1) is None


async def test_a_check_says_whether_there_is_a_program_and_does_not_run_it(stage: Stage) -> None:
    stage.folder.script("echo ran > $HERE/ran")
    assert await stage.driver.check(check(stage.folder.program), now() + 1) == Checked()
    assert (await stage.driver.check(check("/no/such/program"), now() + 1)).code == "program-missing"
    assert (await stage.driver.check(check("driver"), now() + 1)).code == "program-not-absolute"
    assert stage.folder.text("ran") == ""
