"""Doubts: what a failed, lost or late run has left, and what may be concluded from it."""

from __future__ import annotations

import pytest
from tests.unit.promoter.owner import Owned
from tests.unit.promoter.story import A, B, Story, claimed, live_of, names, of, one, report, shop

from ownstack_contracts.apps import AppCreated, AppSettingsChanged
from ownstack_contracts.jobs import PostdeployRequested, StackDeployRequested, StackLookRequested
from ownstack_contracts.leases import JobGranted, LeaseLapsed
from ownstack_contracts.outcomes import StackDeployUnchanged
from ownstack_contracts.promotions import PromotionSucceeded
from ownstack_contracts.rejections import CommandRejected
from ownstack_contracts.reports import StackDeployFailed, StackDeploySucceeded
from ownstack_contracts.rollouts import DeployRequested, DeploySucceeded, StackRetryRequested
from ownstack_contracts.stacks import StackAdded
from ownstack_contracts.teams import TeamCreated
from ownstack_promoter import dispatch


def _asked(story: Story, image: str = B) -> StackDeployRequested:
    return one(StackDeployRequested, story.say(DeployRequested(app="shop", image=image)))


def _with_a_live() -> Story:
    story = Story()
    story.app("shop", "eu-1")
    story.deployed("shop", A)
    return story


def test_after_a_restart_that_left_nobody_knows_what_the_stack_is_looked_at_and_not_taken_for_unchanged() -> None:
    story = _with_a_live()
    request = _asked(story)
    run = story.claim(request)
    failed = StackDeployFailed(**report(request, run), phase="restart", code="exit-1", message="it went down")
    look = one(StackLookRequested, story.say(failed))
    facts = story.say(DeployRequested(app="shop", image=A))
    assert of(StackDeployRequested, facts)
    assert not of(StackDeployUnchanged, facts)
    story.answer_look(look, None)
    assert story.team.apps["shop"].live == {}


def test_a_failure_that_says_what_serves_leaves_no_doubt() -> None:
    story = _with_a_live()
    live = live_of(story.finish(story.say(DeployRequested(app="shop", image=A, redeploy=True)))[4])  # type: ignore[arg-type]
    request = _asked(story)
    run = story.claim(request)
    failed = StackDeployFailed(**report(request, run), phase="restart", code="exit-1", message="no", live=live)
    assert not of(StackLookRequested, story.say(failed))
    assert one(StackDeployUnchanged, story.say(DeployRequested(app="shop", image=A))).stack == "eu-1"


def test_what_a_run_that_never_ended_has_left_is_looked_at() -> None:
    story = _with_a_live()
    request = _asked(story)
    run = story.claim(request)
    look = one(StackLookRequested, story.wait(1_800))
    assert of(StackDeployRequested, story.say(DeployRequested(app="shop", image=A), id="back"))
    assert story.say(claimed(look, "early")) == []
    story.say(LeaseLapsed(**report(request, run)))
    story.answer_look(look, live_of(request))
    assert story.team.apps["shop"].live["eu-1"].image == B


def test_one_that_nobody_began_has_left_nothing() -> None:
    story = _with_a_live()
    _asked(story)
    assert not of(StackLookRequested, story.wait(900))
    assert story.team.apps["shop"].live["eu-1"].image == A


def test_a_run_whose_lease_lapsed_is_believed_as_long_as_nobody_was_granted_the_job_since() -> None:
    story = _with_a_live()
    request = _asked(story)
    run = story.claim(request)
    story.say(LeaseLapsed(**report(request, run)))
    facts = story.finish(story.say(StackDeploySucceeded(**report(request, run), live=live_of(request))))
    assert one(DeploySucceeded, facts).results[0].outcome == "succeeded"


def test_a_run_whose_lease_lapsed_is_not_believed_once_another_was_granted_the_job() -> None:
    story = _with_a_live()
    request = _asked(story)
    run = story.claim(request)
    story.say(LeaseLapsed(**report(request, run)))
    assert one(JobGranted, story.say(claimed(request, "next"))).uncertain
    failed = StackDeployFailed(**report(request, run), phase="restart", code="exit-1", message="no")
    assert story.say(failed) == []
    assert names(story.say(StackDeploySucceeded(**report(request, run), live=live_of(request)))) == ["StackObserved"]
    story.say(LeaseLapsed(**report(request, "next")))
    assert story.say(failed) == []


def test_a_run_whose_lease_lapsed_is_not_believed_about_another_stack() -> None:
    story = _with_a_live()
    request = _asked(story)
    run = story.claim(request)
    story.say(LeaseLapsed(**report(request, run)))
    elsewhere = {**report(request, run), "stack": "us-1"}
    assert story.say(StackDeployFailed(**elsewhere, phase="restart", code="exit-1", message="no")) == []


def test_with_first_stack_only_one_stack_at_a_time_tries_the_release_task_again() -> None:
    story = shop("eu-1", "us-1")
    story.say(AppSettingsChanged(app="shop", release_task="first-stack"))
    story.fail(one(StackDeployRequested, story.promote("shop-staging")))
    again = one(StackDeployRequested, story.say(StackRetryRequested(app="shop", stack="eu-1")))
    assert again.release_task
    assert story.refused(StackRetryRequested(app="shop", stack="us-1")) == "still-running"
    story.finish(story.succeed(again))
    assert not one(StackDeployRequested, story.say(StackRetryRequested(app="shop", stack="us-1"))).release_task


def test_how_often_the_script_runs_is_fixed_when_the_rollout_starts() -> None:
    story = shop("eu-1", "us-1")
    eu, us = of(StackDeployRequested, story.promote("shop-staging"))
    story.succeed(eu)
    story.say(AppSettingsChanged(app="shop", postdeploy="each-stack"))
    facts = story.finish(story.succeed(us))
    assert one(PostdeployRequested, facts).stack == "eu-1"
    assert of(PromotionSucceeded, facts)


async def test_no_timer_of_a_quarantined_team_comes_to_anything(monkeypatch: pytest.MonkeyPatch) -> None:
    owned = Owned()
    owned.say(TeamCreated())
    owned.say(StackAdded(stack="eu-1", driver="noop"))
    owned.say(AppCreated(app="shop", stacks=("eu-1",)))
    owned.say(DeployRequested(app="shop", image=A))

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        table: dict[type, object] = dispatch._EVOLVES  # type: ignore[assignment]
        patch.setitem(table, StackDeployRequested, broken)
        await owned.restart()
    assert one(CommandRejected, owned.say(AppCreated(app="x"))).code == "team-quarantined"
    owned.lists.now += 2_000_000
    assert owned.owner.wake_at() is None
    assert owned.wake() == []
