"""What is shown of phases that were announced and not there, or there and not announced."""

from __future__ import annotations

import pytest
from tests.bench.histories import Chronicle, live_of
from tests.unit.projections.asking import ONE, about, asked, deployment_of
from tests.unit.projections.house import House

from ownstack_contracts.jobs import StackDeployRequested
from ownstack_contracts.reports import (
    ReleaseTaskStarted,
    ReleaseTaskSucceeded,
    RestartStarted,
    StackDeployFailed,
    StackDeploySucceeded,
)
from ownstack_contracts.rollouts import DeployRequested


@pytest.fixture
def request_(chronicle: Chronicle) -> StackDeployRequested:
    return asked(chronicle.say(DeployRequested(app="shop", image=ONE, stacks=("eu-1",)), id="d"), "eu-1")


async def phases(house: House, chronicle: Chronicle) -> list[tuple[str, str]]:
    await house.take(chronicle.records)
    (attempt,) = (await deployment_of(house, "d.eu-1")).attempts
    assert all(phase.ended_at is not None for phase in attempt.phases)
    return [(phase.phase, phase.outcome) for phase in attempt.phases]


async def test_an_image_without_a_release_task_has_had_none(
    house: House, chronicle: Chronicle, request_: StackDeployRequested
) -> None:
    run = chronicle.claim(request_)
    chronicle.say(ReleaseTaskStarted(**about(request_, run)))
    chronicle.say(ReleaseTaskSucceeded(**about(request_, run), ran=False))
    chronicle.say(RestartStarted(**about(request_, run)))
    chronicle.say(StackDeploySucceeded(**about(request_, run), live=live_of(request_, "acme")))
    assert await phases(house, chronicle) == [("release-task", "none"), ("restart", "succeeded")]


@pytest.mark.parametrize("phase", ["look", "release-task", "restart"])
async def test_a_release_task_that_did_not_begin_is_not_shown_as_one_that_ran(
    house: House, chronicle: Chronicle, request_: StackDeployRequested, phase: str
) -> None:
    run = chronicle.claim(request_)
    chronicle.say(ReleaseTaskStarted(**about(request_, run)))
    failed = {"phase": phase, "code": "no-space", "message": "There is no space.", "release_task_began": False}
    chronicle.say(StackDeployFailed(**about(request_, run), **failed))
    shown = [("release-task", "not-begun")]
    assert await phases(house, chronicle) == (shown if phase == "release-task" else [*shown, (phase, "failed")])


async def test_a_failure_before_anything_was_announced_shows_no_release_task(
    house: House, chronicle: Chronicle, request_: StackDeployRequested
) -> None:
    failed = {"phase": "release-task", "code": "no-space", "message": "There is no space."}
    run = chronicle.claim(request_)
    chronicle.say(StackDeployFailed(**about(request_, run), **failed, release_task_began=False))
    assert await phases(house, chronicle) == []


async def test_a_script_that_the_stack_has_run_itself_is_a_phase(
    house: House, chronicle: Chronicle, request_: StackDeployRequested
) -> None:
    run = chronicle.claim(request_)
    chronicle.say(RestartStarted(**about(request_, run)))
    chronicle.say(StackDeploySucceeded(**about(request_, run), live=live_of(request_, "acme"), postdeploy_done=True))
    assert await phases(house, chronicle) == [("restart", "succeeded"), ("post-deploy", "succeeded")]
    assert (await deployment_of(house, "d.eu-1")).postdeploys == []
