"""The other jobs: post-deploy scripts, looks and removals."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.unit.deployer.fakes import until
from tests.unit.deployer.requests import command, failure, look, mine, older, postdeploy, removal
from tests.unit.deployer.requests import deploy as a_deployment
from tests.unit.deployer.scene import LEASE, Scene

from ownstack_contracts.jobs import Live, StackJob
from ownstack_contracts.leases import JobClaimed
from ownstack_contracts.reports import (
    PostdeployFailed,
    PostdeployStarted,
    PostdeploySucceeded,
    StackAppRemovalFailed,
    StackAppRemoved,
    StackLookFailed,
    StackObserved,
    StackRunEnded,
    StackRunFailed,
)


async def granted(scene: Scene, request: StackJob, **grant: object) -> JobClaimed:
    """A job is asked for, claimed and granted."""
    scene.comes(request)
    claim = await scene.hears(JobClaimed)
    scene.grants(claim, **grant)
    return claim


async def test_a_post_deploy_script_is_run_and_reported(scene: Scene) -> None:
    await granted(scene, postdeploy(), kind="postdeploy")
    await scene.is_over()
    assert scene.driver.done == ["lock", "post-deploy", "unlock"]
    assert scene.said == ["JobClaimed", "PostdeployStarted", "PostdeploySucceeded"]


async def test_a_post_deploy_script_that_fails_is_reported(scene: Scene) -> None:
    scene.driver.outcomes["post-deploy"] = failure()
    await granted(scene, postdeploy(), kind="postdeploy")
    end = await scene.hears(PostdeployFailed)
    assert (end.code, end.message) == ("exit-3", "It said: no.")


async def test_a_post_deploy_script_whose_lease_ran_out_is_not_run_again(scene: Scene) -> None:
    gate = scene.driver.gate("post-deploy")
    await granted(scene, postdeploy(), kind="postdeploy")
    await scene.hears(PostdeployStarted)
    await scene.clock.pass_by(LEASE)
    gate.set()
    await scene.hears(PostdeploySucceeded)
    scene.grants(await scene.hears(JobClaimed), kind="postdeploy")
    await scene.hears(PostdeploySucceeded)
    await scene.is_over()
    assert scene.driver.done.count("post-deploy") == 1


async def test_a_look_tells_what_is_live(scene: Scene) -> None:
    scene.driver.live = older(generation=9, team="other")  # whatever it is
    await granted(scene, look(), kind="look")
    assert (await scene.hears(StackObserved)).live == scene.driver.live
    await scene.is_over()


async def test_a_look_tells_that_nothing_is_there(scene: Scene) -> None:
    await granted(scene, look(), kind="look")
    assert (await scene.hears(StackObserved)).live is None


async def test_a_look_that_fails_is_told(scene: Scene) -> None:
    scene.driver.outcomes["look"] = failure("look-unreadable")
    await granted(scene, look(), kind="look")
    assert (await scene.hears(StackLookFailed)).code == "look-unreadable"


async def test_what_a_look_prints_is_logged_under_its_job(scene: Scene) -> None:
    scene.driver.logs["look"] = ["hello"]
    await granted(scene, look(), kind="look")
    await scene.is_over()
    (logged,) = scene.logged
    assert (logged.deployment, logged.lines) == (look().job, ("hello",))


async def test_a_removal_looks_and_removes(scene: Scene) -> None:
    scene.driver.live = mine(a_deployment())
    await granted(scene, removal(), kind="remove")
    await scene.hears(StackAppRemoved)
    assert scene.driver.done == ["lock", "look", "remove", "unlock"]


async def test_a_removal_runs_even_when_nothing_is_live_for_something_may_be_left(scene: Scene) -> None:
    await granted(scene, removal(), kind="remove")
    await scene.hears(StackAppRemoved)
    assert "remove" in scene.driver.done


async def test_an_uncertain_removal_that_finds_nothing_runs_nothing(scene: Scene) -> None:
    await granted(scene, removal(), kind="remove", uncertain=True)
    await scene.hears(StackAppRemoved)
    assert "remove" not in scene.driver.done


async def test_an_uncertain_removal_that_finds_nothing_is_done_again_where_that_does_no_harm(scene: Scene) -> None:
    scene.driver.removes = True
    await granted(scene, removal(), kind="remove", uncertain=True)
    await scene.hears(StackAppRemoved)
    assert scene.driver.done == ["lock", "look", "remove", "unlock"]


@pytest.mark.parametrize(("live", "code"), [(older(generation=3), "stale"), (older(team="other"), "foreign-app")])
async def test_nothing_newer_and_nothing_foreign_is_removed(scene: Scene, live: object, code: str) -> None:
    scene.driver.live = live
    await granted(scene, removal(), kind="remove")
    assert (await scene.hears(StackAppRemovalFailed)).code == code
    assert "remove" not in scene.driver.done


@pytest.mark.parametrize(
    ("request_of", "end"),
    [(postdeploy, PostdeployFailed), (look, StackLookFailed), (removal, StackAppRemovalFailed)],
)
async def test_a_lock_that_cannot_be_had_fails_every_kind_of_job(
    scene: Scene, request_of: Callable[[], StackJob], end: type
) -> None:
    scene.driver.outcomes["lock"] = failure("lock-timeout")
    await granted(scene, request_of())
    assert (await scene.hears(end)).code == "lock-timeout"


async def test_a_removal_that_fails_is_told(scene: Scene) -> None:
    scene.driver.outcomes["remove"] = failure()
    await granted(scene, removal(), kind="remove")
    assert (await scene.hears(StackAppRemovalFailed)).code == "exit-3"


async def test_a_look_tells_the_names_of_the_config_variables_if_they_are_asked_for(scene: Scene) -> None:
    await granted(scene, look(config=True), kind="look")
    assert (await scene.hears(StackObserved)).config_keys == ("A", "B")


@pytest.mark.parametrize(("asked", "told"), [(False, ("A",)), (True, None)])
async def test_names_that_were_not_asked_for_or_cannot_be_told_are_not_told(
    scene: Scene, asked: bool, told: tuple[str] | None
) -> None:
    scene.driver.config = told
    await granted(scene, look(config=asked), kind="look")
    assert (await scene.hears(StackObserved)).config_keys is None


async def test_the_config_of_another_teams_app_is_not_read(scene: Scene) -> None:
    scene.driver.live = older(team="other")
    await granted(scene, look(config=True), kind="look")
    end = await scene.hears(StackObserved)
    assert (end.live, end.config_keys) == (scene.driver.live, None)
    assert "config-keys" not in scene.driver.done


async def test_config_that_cannot_be_read_makes_the_look_fail(scene: Scene) -> None:
    scene.driver.outcomes["config-keys"] = failure("dokku-failed")
    await granted(scene, look(config=True), kind="look")
    assert (await scene.hears(StackLookFailed)).code == "dokku-failed"


async def test_a_command_is_run_and_its_exit_code_and_lines_are_told(scene: Scene) -> None:
    scene.driver.logs["run"] = ["hello", "world"]
    scene.driver.exit_code = 3
    await granted(scene, command("rake", "about"), kind="run")
    end = await scene.hears(StackRunEnded)
    assert (end.exit_code, end.lines) == (3, 2)
    assert scene.driver.done == ["lock", "look", "run", "unlock"]


async def test_a_command_is_not_run_in_another_teams_app(scene: Scene) -> None:
    scene.driver.live = older(team="other")
    await granted(scene, command("rake"), kind="run")
    assert (await scene.hears(StackRunFailed)).code == "foreign-app"
    assert "run" not in scene.driver.done


@pytest.mark.parametrize("live", [None, older(generation=9), older(team=None)])
async def test_a_command_is_run_in_whatever_else_is_live(scene: Scene, live: Live | None) -> None:
    scene.driver.live = live
    await granted(scene, command("rake"), kind="run")
    await scene.hears(StackRunEnded)


async def test_what_the_look_before_a_command_prints_is_not_output_of_the_command(scene: Scene) -> None:
    scene.driver.logs = {"look": ["looking"], "run": ["hello"]}
    await granted(scene, command("rake"), kind="run")
    assert (await scene.hears(StackRunEnded)).lines == 1
    assert [record.lines for record in scene.logged] == [("hello",)]


async def test_the_lines_of_a_command_are_published_and_its_end_says_how_many_there_are(scene: Scene) -> None:
    scene.driver.logs["run"] = ["hello"]
    await granted(scene, command("rake"), kind="run")
    assert (await scene.hears(StackRunEnded)).lines == 1
    await until(lambda: scene.logged)
    assert [record.lines for record in scene.logged] == [("hello",)]


async def test_a_command_that_does_not_come_about_is_told(scene: Scene) -> None:
    scene.driver.outcomes["run"] = failure("argument-refused")
    await granted(scene, command("rake"), kind="run")
    assert (await scene.hears(StackRunFailed)).code == "argument-refused"


async def test_a_command_whose_lease_ran_out_is_not_run_again_and_told_as_it_ended(scene: Scene) -> None:
    scene.driver.logs["run"] = ["hello"]
    gate = scene.driver.gate("run")
    scene.comes(command("rake"))
    claim = await scene.hears(JobClaimed)
    scene.grants(claim, kind="run")
    await until(lambda: "run" in scene.driver.done)
    await scene.clock.pass_by(LEASE)
    gate.set()
    await scene.hears(StackRunEnded)
    scene.grants(await scene.hears(JobClaimed), kind="run")
    assert (await scene.hears(StackRunEnded)).lines == 1
    assert (scene.driver.done.count("look"), scene.driver.done.count("run")) == (1, 1)
