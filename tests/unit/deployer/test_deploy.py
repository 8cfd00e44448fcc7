"""A deployment, from its request to its acknowledgement: every way that it can go while its lease holds."""

from __future__ import annotations

import pytest
from tests.unit.deployer.fakes import FakeDriver, idle, until
from tests.unit.deployer.requests import IMAGE, OLDER, TEAM, deploy, failure, mine, older
from tests.unit.deployer.scene import LEASE, Scene

from ownstack_contracts.envelope import decode
from ownstack_contracts.jobs import Live, StackDeployRequested, StackJob
from ownstack_contracts.leases import JobClaimed
from ownstack_contracts.reports import (
    ReleaseTaskStarted,
    ReleaseTaskSucceeded,
    RestartStarted,
    StackDeployFailed,
    StackDeploySucceeded,
)
from ownstack_contracts.topics import REPORTS
from ownstack_deployer import runs
from ownstack_deployer.drivers.port import Phase, PhaseFailed


async def granted(scene: Scene, request: StackJob | None = None, **grant: object) -> JobClaimed:
    """A deployment is asked for, claimed and granted."""
    scene.comes(request or deploy())
    claim = await scene.hears(JobClaimed)
    scene.grants(claim, **grant)
    return claim


async def test_a_deployment_looks_then_runs_its_phases_and_says_each_before_it_begins(scene: Scene) -> None:
    claim = await granted(scene)
    end = await scene.hears(StackDeploySucceeded)
    await scene.is_over()

    assert scene.driver.done == ["lock", "look", "release-task", "restart", "unlock"]
    assert scene.said == [
        "JobClaimed",
        "ReleaseTaskStarted",
        "ReleaseTaskSucceeded",
        "RestartStarted",
        "StackDeploySucceeded",
    ]
    assert end.live == mine(deploy())
    assert end.run == claim.run
    assert claim.deployer == "d1"


async def test_request_and_grant_are_acknowledged_only_when_the_end_is_durable(scene: Scene) -> None:
    gate = scene.driver.gate("restart")
    await granted(scene)
    await scene.hears(RestartStarted)
    scene.bus.flowing.clear()
    gate.set()
    await idle()

    assert scene.inbox.acknowledged == []

    scene.bus.flowing.set()
    await scene.is_over()
    assert scene.inbox.acknowledged == [1, 2]


async def test_a_phase_does_not_begin_before_it_is_durable_that_it_does(scene: Scene) -> None:
    scene.comes(deploy())
    claim = await scene.hears(JobClaimed)
    scene.bus.flowing.clear()
    scene.grants(claim)
    await idle()

    assert scene.driver.done == ["lock", "look"]

    scene.bus.flowing.set()
    await scene.hears(ReleaseTaskStarted)
    await scene.is_over()
    assert scene.driver.done[2:] == ["release-task", "restart", "unlock"]


async def test_reports_say_what_they_go_back_to(scene: Scene) -> None:
    await granted(scene)
    await scene.is_over()

    envelopes = [decode(REPORTS.name, record.value).envelope for record in scene.bus.records]
    assert {e.causationid for e in envelopes} == {"fact/1"}
    assert {e.team for e in envelopes} == {"acme"}
    assert {e.source for e in envelopes} == {"/ownstack/deployer/d1"}
    assert len({e.id for e in envelopes}) == len(envelopes)


async def test_a_stack_that_does_not_run_the_release_task_goes_straight_to_the_restart(scene: Scene) -> None:
    await granted(scene, deploy(release_task=False))
    await scene.is_over()
    assert scene.driver.done == ["lock", "look", "restart", "unlock"]
    assert "ReleaseTaskStarted" not in scene.said


async def test_a_release_task_that_an_earlier_run_has_done_is_not_run_again(scene: Scene) -> None:
    await granted(scene, uncertain=True, release_task_done=True)
    await scene.is_over()
    assert scene.driver.done == ["lock", "look", "restart", "unlock"]


async def test_an_uncertain_run_that_finds_its_deployment_live_runs_nothing(scene: Scene) -> None:
    scene.driver.live = mine(deploy())
    await granted(scene, uncertain=True)
    end = await scene.hears(StackDeploySucceeded)
    assert scene.driver.done == ["lock", "look", "unlock"]
    assert end.live == mine(deploy())


async def test_what_is_known_to_be_live_is_looked_at_and_left_alone_if_it_is(scene: Scene) -> None:
    held = Live(image=IMAGE, generation=3, deployment="earlier.eu-1", release=1, team=TEAM)
    scene.driver.live = held
    await granted(scene, deploy(generation=4).model_copy(update={"unless_live": True}))
    end = await scene.hears(StackDeploySucceeded)

    assert (end.unchanged, end.live) == (True, held)
    assert scene.driver.done == ["lock", "look", "unlock"]


async def test_what_is_known_to_be_live_and_is_not_is_deployed(scene: Scene) -> None:
    scene.driver.live = older()
    await granted(scene, deploy().model_copy(update={"unless_live": True}))
    end = await scene.hears(StackDeploySucceeded)

    assert (end.unchanged, end.live) == (False, mine(deploy()))
    assert scene.driver.done == ["lock", "look", "release-task", "restart", "unlock"]


async def test_an_uncertain_run_that_finds_the_older_version_runs_the_phases(scene: Scene) -> None:
    scene.driver.live = older()
    await granted(scene, uncertain=True)
    await scene.hears(StackDeploySucceeded)
    assert scene.driver.done == ["lock", "look", "release-task", "restart", "unlock"]


@pytest.mark.parametrize("known", ["release_task_began", "release_task_done"])
async def test_a_release_task_that_a_deployment_would_repeat_is_not_run_a_second_time_by_itself(
    scene: Scene, known: str
) -> None:
    scene.driver.repeats = True
    scene.driver.live = older()
    await granted(scene, uncertain=True, **{known: True})
    end = await scene.hears(StackDeployFailed)
    await scene.is_over()
    assert (end.phase, end.code, end.live, end.release_task_began) == ("release-task", "outcome-lost", older(), True)
    assert "ownstack retry shop --stack eu-1" in end.message
    assert scene.driver.done == ["lock", "look", "unlock"]
    assert scene.said == ["JobClaimed", "StackDeployFailed"]


async def test_an_uncertain_run_whose_deployment_is_live_has_succeeded_however_the_task_went(scene: Scene) -> None:
    scene.driver.repeats = True
    scene.driver.live = mine(deploy())
    await granted(scene, uncertain=True, release_task_began=True)
    await scene.hears(StackDeploySucceeded)


@pytest.mark.parametrize(
    ("repeats", "uncertain", "began"), [(True, True, False), (True, False, True), (False, True, True)]
)
async def test_a_release_task_that_surely_did_not_begin_or_is_a_phase_of_its_own_is_run(
    scene: Scene, repeats: bool, uncertain: bool, began: bool
) -> None:
    scene.driver.repeats = repeats
    await granted(scene, uncertain=uncertain, release_task_began=began)
    await scene.hears(StackDeploySucceeded)
    assert scene.driver.done == ["lock", "look", "release-task", "restart", "unlock"]


@pytest.mark.parametrize("phase", ["release-task", "restart"])
async def test_how_a_lost_run_ended_in_this_process_is_told(scene: Scene, phase: Phase) -> None:
    scene.driver.repeats = True
    scene.driver.outcomes[phase] = failure("exit-9")
    gate = scene.driver.gate(phase)
    await granted(scene)
    await until(lambda: phase in scene.driver.done)
    await scene.clock.pass_by(LEASE)
    gate.set()
    await scene.hears(StackDeployFailed)
    scene.grants(await scene.hears(JobClaimed), uncertain=True, release_task_began=True)
    assert (await scene.hears(StackDeployFailed)).code == "exit-9"
    assert scene.driver.done.count(phase) == 1


async def test_a_deployment_that_was_lost_between_its_phases_in_this_process_is_lost(scene: Scene) -> None:
    scene.driver.repeats = True
    gate = scene.driver.gate("release-task")
    await granted(scene)
    await until(lambda: "release-task" in scene.driver.done)
    await scene.clock.pass_by(LEASE)
    gate.set()
    scene.grants(await scene.hears(JobClaimed), uncertain=True, release_task_began=True)
    assert (await scene.hears(StackDeployFailed)).code == "outcome-lost"
    assert "restart" not in scene.driver.done


@pytest.mark.parametrize(("late", "seconds"), [(-1_000, 60), (0, 60), (10, 50), (50, 30)])
async def test_the_look_after_a_failed_phase_ends_within_a_bound_after_the_deadline(
    scene: Scene, late: float, seconds: float
) -> None:
    """The driver has taken its time to find out what came of it."""
    gate = scene.driver.gate("restart")
    scene.driver.outcomes["restart"] = failure("running-deadline")
    deadline = scene.clock.now + 1_800
    await granted(scene)
    await scene.hears(RestartStarted)
    await scene.clock.pass_by(deadline + late - scene.clock.now)
    gate.set()
    await scene.hears(StackDeployFailed)
    assert scene.driver.looks_until[-1] == pytest.approx(deadline + late + seconds)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(deploy(generation=2), id="an-earlier-attempt"),
        pytest.param(deploy(generation=3, image=OLDER), id="another-digest"),
        pytest.param(deploy(generation=3, deployment="r0.eu-1"), id="another-deployment"),
    ],
)
async def test_what_is_live_is_mine_only_if_deployment_generation_and_digest_are(
    scene: Scene, other: StackDeployRequested
) -> None:
    scene.driver.live = mine(other)
    await granted(scene, deploy(generation=3), uncertain=True)
    await scene.is_over()
    assert "restart" in scene.driver.done


async def test_nothing_newer_is_overwritten(scene: Scene) -> None:
    newer = older(generation=5)
    scene.driver.live = newer
    await granted(scene, deploy(generation=4))
    end = await scene.hears(StackDeployFailed)
    assert (end.phase, end.code, end.live) == ("look", "stale", newer)
    assert scene.driver.done == ["lock", "look", "unlock"]


async def test_another_teams_app_is_left_alone(scene: Scene) -> None:
    foreign = older(team="other")
    scene.driver.live = foreign
    await granted(scene)
    end = await scene.hears(StackDeployFailed)
    assert (end.phase, end.code, end.live) == ("look", "foreign-app", foreign)
    assert scene.driver.done == ["lock", "look", "unlock"]


async def test_what_something_else_has_left_there_is_replaced(scene: Scene) -> None:
    scene.driver.live = older(team=None, deployment=None, release=None)
    await granted(scene)
    await scene.hears(StackDeploySucceeded)


async def test_a_stack_that_cannot_be_looked_at_is_not_touched(scene: Scene) -> None:
    scene.driver.outcomes["look"] = failure("exit-255")
    await granted(scene)
    end = await scene.hears(StackDeployFailed)
    assert (end.phase, end.code, end.live) == ("look", "exit-255", None)
    assert scene.driver.done == ["lock", "look", "unlock"]


async def test_an_uncertain_run_looks_again_when_it_could_not_look(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "LOOK_AGAIN", (0, 0, 0))
    scene.driver.outcomes["look"] = failure("exit-255")
    await granted(scene, uncertain=True)
    end = await scene.hears(StackDeployFailed)
    assert (end.phase, end.code) == ("look", "exit-255")
    assert scene.driver.done == ["lock", "look", "look", "look", "look", "unlock"]


async def test_an_uncertain_run_that_can_look_at_last_goes_on(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "LOOK_AGAIN", (0, 0, 0))
    scene.driver.live = mine(deploy())
    gate = scene.driver.gate("look")
    scene.driver.outcomes["look"] = failure("exit-255")
    await granted(scene, uncertain=True)
    await until(lambda: "look" in scene.driver.done)
    gate.set()
    await until(lambda: scene.driver.done.count("look") == 2)
    del scene.driver.outcomes["look"]
    await scene.hears(StackDeploySucceeded)
    assert "restart" not in scene.driver.done


async def test_a_lock_that_cannot_be_had_fails_the_deployment(scene: Scene) -> None:
    scene.driver.outcomes["lock"] = failure("lock-timeout")
    await granted(scene)
    end = await scene.hears(StackDeployFailed)
    assert (end.phase, end.code) == ("look", "lock-timeout")


async def test_after_a_failed_release_task_the_older_version_goes_on_serving(scene: Scene) -> None:
    scene.driver.live = older()
    scene.driver.outcomes["release-task"] = failure()
    await granted(scene)
    end = await scene.hears(StackDeployFailed)
    await scene.is_over()
    assert (end.phase, end.code, end.message, end.live) == ("release-task", "exit-3", "It said: no.", older())
    assert "restart" not in scene.driver.done
    assert "ReleaseTaskSucceeded" not in scene.said


async def test_after_a_failed_restart_the_stack_is_looked_at_again(scene: Scene) -> None:
    scene.driver.live = older(image=IMAGE)
    scene.driver.outcomes["restart"] = failure()
    await granted(scene)
    end = await scene.hears(StackDeployFailed)
    assert (end.phase, end.code, end.live) == ("restart", "exit-3", older(image=IMAGE))
    assert scene.driver.done == ["lock", "look", "release-task", "restart", "look", "unlock"]


async def test_after_a_failed_restart_a_stack_that_cannot_be_looked_at_is_not_known(scene: Scene) -> None:
    scene.driver.live = older()
    gate = scene.driver.gate("restart")
    scene.driver.outcomes["restart"] = failure()
    await granted(scene)
    await scene.hears(RestartStarted)
    scene.driver.outcomes["look"] = failure()
    gate.set()
    end = await scene.hears(StackDeployFailed)
    assert end.live is None


async def test_a_bug_of_a_driver_fails_the_phase_and_nothing_else(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    scene.driver.outcomes["release-task"] = ZeroDivisionError("oops")
    await granted(scene)
    end = await scene.hears(StackDeployFailed)
    await scene.is_over()
    assert (end.phase, end.code) == ("release-task", "driver-error")
    assert "ZeroDivisionError" in caplog.text


async def test_an_instant_driver_is_not_held_up_by_the_bus(driver: FakeDriver, scene: Scene) -> None:
    driver.instant = True
    scene.comes(deploy())
    claim = await scene.hears(JobClaimed)
    calls = len(scene.bus.calls)
    scene.grants(claim)
    await scene.is_over()
    assert [record.topic for record in scene.bus.calls[calls]] == [REPORTS.name] * 4
    assert len(scene.bus.calls) == calls + 1


async def test_what_the_phases_print_is_logged_under_the_deployment(scene: Scene) -> None:
    scene.driver.logs = {"look": ["a"], "release-task": ["b", "c"], "restart": ["d"]}
    claim = await granted(scene)
    await scene.is_over()
    assert [(x.phase, x.number, x.lines) for x in scene.logged] == [
        ("look", 0, ("a",)),
        ("release-task", 1, ("b", "c")),
        ("restart", 3, ("d",)),
    ]
    assert {(x.deployment, x.job, x.run) for x in scene.logged} == {("r1.eu-1", "r1.eu-1.1", claim.run)}
    assert {record.key for record in scene.bus.records if record.topic != REPORTS.name} == {"r1.eu-1"}


async def test_an_image_without_a_release_task_says_so(scene: Scene) -> None:
    scene.driver.has_release_task = False
    await granted(scene)
    assert (await scene.hears(ReleaseTaskSucceeded)).ran is False


async def test_a_stack_that_has_run_the_post_deploy_script_itself_says_so(scene: Scene) -> None:
    scene.driver.runs_postdeploy = True
    await granted(scene)
    assert (await scene.hears(StackDeploySucceeded)).postdeploy_done is True


async def test_what_the_restart_has_answered_is_reported_by_a_later_run_too(scene: Scene) -> None:
    scene.driver.runs_postdeploy = True
    scene.driver.sets_live = False
    gate = scene.driver.gate("restart")
    await granted(scene)
    await scene.hears(RestartStarted)
    await scene.clock.pass_by(LEASE)
    gate.set()
    await scene.hears(StackDeploySucceeded)
    scene.grants(await scene.hears(JobClaimed), uncertain=True)
    assert (await scene.hears(StackDeploySucceeded)).postdeploy_done is True
    assert scene.driver.done.count("restart") == 1


@pytest.mark.parametrize(
    ("phase", "uncertain", "began"),
    [("release-task", False, False), ("release-task", True, True), ("restart", False, True)],
)
async def test_that_a_release_task_surely_did_not_begin_is_told_of_a_run_that_alone_can_have_begun_it(
    scene: Scene, phase: Phase, uncertain: bool, began: bool
) -> None:
    scene.driver.outcomes[phase] = PhaseFailed("image-not-pullable", "No.", began=False)
    await granted(scene, uncertain=uncertain)
    end = await scene.hears(StackDeployFailed)
    assert (end.phase, end.release_task_began) == (phase, began)


async def test_a_release_task_that_was_announced_as_the_deadline_came_has_not_begun(scene: Scene) -> None:
    scene.comes(deploy())
    claim = await scene.hears(JobClaimed)
    scene.bus.flowing.clear()
    scene.grants(claim, running_until=int((scene.clock.now + 3) * 1_000))
    await until(lambda: "look" in scene.driver.done)
    await scene.clock.pass_by(4)
    scene.bus.flowing.set()
    end = await scene.hears(StackDeployFailed)
    assert (end.phase, end.code, end.release_task_began) == ("release-task", "running-deadline", False)


@pytest.mark.parametrize("in_doubt", [True, False])
async def test_a_release_task_that_leaves_doubt_about_what_serves_is_followed_by_a_look(
    scene: Scene, in_doubt: bool
) -> None:
    scene.driver.outcomes["release-task"] = PhaseFailed("connection-lost", "Lost.", in_doubt=in_doubt)
    await granted(scene)
    end = await scene.hears(StackDeployFailed)
    assert (end.phase, end.release_task_began) == ("release-task", True)
    assert scene.driver.done.count("look") == (2 if in_doubt else 1)


@pytest.mark.parametrize("uncertain", [True, False])
async def test_the_driver_is_told_whether_an_earlier_run_may_have_left_something_under_way(
    scene: Scene, uncertain: bool
) -> None:
    await granted(scene, uncertain=uncertain)
    await scene.is_over()
    assert scene.driver.uncertain == [uncertain]
