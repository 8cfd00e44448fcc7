"""Apps and stacks: created, moved, set up, destroyed; and what their removal leaves behind."""

from __future__ import annotations

import pytest
from tests.unit.promoter.story import A, B, Story, claimed, names, of, one, report, shop

from ownstack_contracts.apps import (
    AppCreated,
    AppDestroyed,
    AppSettingsChanged,
    AppStackAdded,
    AppStackRemoved,
    StackAppLeftBehind,
)
from ownstack_contracts.jobs import StackAppRemovalRequested, StackDeployRequested, StackLookRequested
from ownstack_contracts.leases import JobClosed
from ownstack_contracts.pipelines import PipelineCreated
from ownstack_contracts.reports import StackAppRemovalFailed, StackAppRemoved
from ownstack_contracts.rollouts import DeployRequested
from ownstack_contracts.stacks import StackAdded, StackRemoved
from ownstack_contracts.teams import TeamCreated


def test_a_team_is_created_once() -> None:
    assert Story().refused(TeamCreated()) == "team-exists"


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (StackAdded(stack="eu-1", driver="noop"), "stack-exists"),
        (StackAdded(stack="new", driver="program", address="relative/path"), "address-invalid"),
        (StackRemoved(stack="nowhere"), "stack-unknown"),
        (StackRemoved(stack="eu-1"), "stack-in-use"),
        (AppCreated(app="shop"), "app-exists"),
        (AppCreated(app="new", stacks=("nowhere",)), "stack-unknown"),
        (AppCreated(app="new", stacks=("eu-1", "eu-1")), "stack-twice"),
        (AppStackAdded(app="shop", stack="eu-1"), "stack-of-app"),
        (AppStackAdded(app="nobody", stack="eu-1"), "app-unknown"),
        (AppStackRemoved(app="shop", stack="staging-1"), "stack-not-of-app"),
        (AppDestroyed(app="shop"), "app-in-pipeline"),
        (AppDestroyed(app="shop-staging"), "app-in-pipeline"),
        (AppDestroyed(app="nobody"), "app-unknown"),
        (AppSettingsChanged(app="shop"), "nothing-to-change"),
        (DeployRequested(app="shop", image=A, stacks=("eu-1", "eu-1")), "stack-twice"),
    ],
)
def test_what_does_not_hold_is_refused(command: StackAdded, code: str) -> None:
    assert shop("eu-1").refused(command) == code


def test_an_app_on_no_stack_cannot_be_deployed() -> None:
    story = Story()
    story.app("empty")
    assert story.refused(DeployRequested(app="empty", image=A)) == "app-without-stacks"


def test_a_new_app_is_looked_for_on_each_of_its_stacks() -> None:
    story = Story()
    story.stacks("eu-1", "us-1")
    looks = of(StackLookRequested, story.say(AppCreated(app="shop", stacks=("eu-1", "us-1"))))
    assert [(look.stack, look.app_id) for look in looks] == [("eu-1", "shop.4"), ("us-1", "shop.4")]


def test_settings_change_what_is_given_and_keep_the_rest() -> None:
    story = shop("eu-1")
    story.say(AppSettingsChanged(app="shop", waiting_deadline=60))
    story.say(AppSettingsChanged(app="shop", postdeploy="each-stack"))
    settings = story.team.apps["shop"].settings
    assert (settings.waiting_deadline, settings.postdeploy, settings.running_deadline) == (60, "each-stack", 1_800)


def test_destroying_an_app_asks_each_stack_to_remove_it_with_a_higher_generation() -> None:
    story = Story()
    story.app("shop", "eu-1", "us-1")
    story.deployed("shop", A)
    removals = of(StackAppRemovalRequested, story.say(AppDestroyed(app="shop")))
    assert [(r.stack, r.generation) for r in removals] == [("eu-1", 2), ("us-1", 2)]
    assert "shop" not in story.team.apps


def test_a_re_created_app_is_another_whose_generations_go_on() -> None:
    story = Story()
    story.app("shop", "eu-1")
    first = story.team.apps["shop"].id
    story.deployed("shop", A)
    (removal,) = of(StackAppRemovalRequested, story.say(AppDestroyed(app="shop")))
    story.say(StackAppRemoved(**report(removal, story.claim(removal))))
    story.app("shop", "eu-1")
    assert story.team.apps["shop"].id != first
    assert one(StackDeployRequested, story.say(DeployRequested(app="shop", image=A))).generation == 3


def test_a_removal_waits_for_its_place() -> None:
    story = Story()
    story.app("shop", "eu-1")
    story.deployed("shop", A)
    (removal,) = of(StackAppRemovalRequested, story.say(AppStackRemoved(app="shop", stack="eu-1")))
    run = story.claim(removal)
    story.say(AppStackAdded(app="shop", stack="eu-1"))
    (request,) = of(StackDeployRequested, story.say(DeployRequested(app="shop", image=B)))
    assert story.say(claimed(request, "eager")) == []
    story.say(StackAppRemoved(**report(removal, run)))
    story.claim(request)


def test_a_stack_that_cannot_remove_it_or_does_not_in_time_leaves_it_behind() -> None:
    story = Story()
    story.app("shop", "eu-1", "us-1")
    eu, _ = of(StackAppRemovalRequested, story.say(AppDestroyed(app="shop")))
    failed = StackAppRemovalFailed(**report(eu, story.claim(eu)), code="exit-1", message="no")
    assert names(story.say(failed)) == ["StackAppRemovalFailed", "StackAppLeftBehind"]
    expired = story.wait(900)
    assert names(expired) == ["JobExpired", "StackAppLeftBehind", "JobClosed"]
    assert one(StackAppLeftBehind, expired).stack == "us-1"
    assert not story.team.jobs


def test_an_app_with_a_rollout_under_way_is_not_destroyed_nor_moved() -> None:
    story = Story()
    story.app("shop", "eu-1")
    story.say(DeployRequested(app="shop", image=A))
    assert story.refused(AppDestroyed(app="shop")) == "rollout-active"
    assert story.refused(AppStackRemoved(app="shop", stack="eu-1")) == "rollout-active"
    assert story.refused(StackRemoved(stack="eu-1", forget=True)) == "rollout-active"


def test_forgetting_a_stack_leaves_its_apps_behind_there() -> None:
    story = shop("eu-1", "us-1")
    facts = story.say(StackRemoved(stack="eu-1", forget=True))
    assert (one(StackAppLeftBehind, facts).app, one(StackAppLeftBehind, facts).code) == ("shop", "stack-forgotten")
    assert list(story.team.apps["shop"].stacks) == ["us-1"]
    story.say(StackAdded(stack="eu-1", driver="noop"))


def test_a_look_at_a_stack_that_the_app_leaves_is_closed() -> None:
    story = Story()
    story.stacks("eu-1")
    (look,) = of(StackLookRequested, story.say(AppCreated(app="shop", stacks=("eu-1",))))
    assert one(JobClosed, story.say(AppDestroyed(app="shop"))).job == look.job


def test_an_app_leaves_its_pipeline_before_it_is_destroyed() -> None:
    story = Story()
    story.app("shop")
    story.say(PipelineCreated(production="shop"))
    assert story.refused(AppDestroyed(app="shop")) == "app-in-pipeline"
