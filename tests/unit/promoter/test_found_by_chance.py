"""What random sequences have found once, as short stories."""

from __future__ import annotations

from tests.unit.promoter.story import A, B, Story, claimed, live_of, names, of, one, report, shop

from ownstack_contracts.apps import AppCreated, AppStackAdded, AppStackRemoved
from ownstack_contracts.jobs import (
    Live,
    PostdeployRequested,
    StackAppRemovalRequested,
    StackDeployRequested,
    StackLookRequested,
)
from ownstack_contracts.leases import JobGranted, LeaseReturned
from ownstack_contracts.outcomes import StackDeployUnchanged
from ownstack_contracts.promotions import PromotionCancelRequested
from ownstack_contracts.reports import (
    PostdeployStarted,
    StackAppRemoved,
    StackDeployFailed,
    StackDeploySucceeded,
    StackObserved,
)
from ownstack_contracts.rollouts import DeployRequested
from ownstack_promoter.looks import PATIENCE


def test_a_look_is_granted_however_late_a_deployer_comes() -> None:
    story = Story()
    story.stacks("eu-1")
    look = one(StackLookRequested, story.say(AppCreated(app="shop", stacks=("eu-1",))))
    story.wait(PATIENCE / 1_000 + 1)
    assert names(story.say(claimed(look, "r1"))) == ["JobGranted"]


def readded() -> tuple[Story, StackAppRemovalRequested, StackLookRequested]:
    """An app with an image live, taken off its stack and put back before a deployer has removed it."""
    story = Story()
    story.app("shop", "eu-1")
    story.deployed("shop", A)
    removal = one(StackAppRemovalRequested, story.say(AppStackRemoved(app="shop", stack="eu-1")))
    look = one(StackLookRequested, story.say(AppStackAdded(app="shop", stack="eu-1")))
    live = Live(image=A, generation=1, deployment="c6.eu-1", team="acme")
    story.answer_look(look, live)
    return story, removal, look


def test_what_was_seen_before_a_removal_is_not_known_to_be_live_after_it() -> None:
    story, removal, _ = readded()
    story.say(StackAppRemoved(**report(removal, story.claim(removal))))
    assert story.team.apps["shop"].live == {}


def test_a_stack_that_is_about_to_be_emptied_does_not_count_as_unchanged() -> None:
    story, _, _ = readded()
    facts = story.say(DeployRequested(app="shop", image=A))
    assert of(StackDeployUnchanged, facts) == []
    assert len(of(StackDeployRequested, facts)) == 1


def test_a_late_success_from_before_a_removal_is_not_believed() -> None:
    story = Story()
    story.app("shop", "eu-1")
    request = one(StackDeployRequested, story.say(DeployRequested(app="shop", image=A)))
    run = story.claim(request)
    story.finish(story.say(StackDeploySucceeded(**report(request, run), live=live_of(request))))
    removal = one(StackAppRemovalRequested, story.say(AppStackRemoved(app="shop", stack="eu-1")))
    story.say(StackAppRemoved(**report(removal, story.claim(removal))))
    look = one(StackLookRequested, story.say(AppStackAdded(app="shop", stack="eu-1")))
    story.answer_look(look, None)

    facts = story.say(StackDeploySucceeded(**report(request, run), live=live_of(request)))

    assert names(facts) == ["StackLookRequested"]
    assert story.team.apps["shop"].live == {}


def test_a_script_is_not_granted_again_after_a_report_of_another_kind() -> None:
    story = Story()
    story.app("shop", "eu-1")
    request = one(StackDeployRequested, story.say(DeployRequested(app="shop", image=A)))
    script = one(PostdeployRequested, story.succeed(request))
    run = story.claim(script)
    story.say(PostdeployStarted(**report(script, run)))
    story.say(StackObserved(**report(script, run), live=Live(image=B, generation=9)))
    assert of(JobGranted, story.say(claimed(script, "r-other"))) == []


def test_what_was_given_back_before_it_began_can_be_cancelled() -> None:
    story = shop("eu-1")
    request = one(StackDeployRequested, story.promote("shop-staging", id="p1"))
    story.say(LeaseReturned(**report(request, story.claim(request))))
    assert "PromotionCancelled" in names(story.say(PromotionCancelRequested(promotion="p1")))


def test_the_highest_generation_found_on_a_stack_leaves_room_for_the_next() -> None:
    story = Story()
    story.stacks("eu-1")
    look = one(StackLookRequested, story.say(AppCreated(app="shop", stacks=("eu-1",))))
    story.answer_look(look, Live(image=A, generation=2**53 - 1))
    assert story.say(DeployRequested(app="shop", image=B))


def test_another_teams_app_found_in_the_way_does_not_make_the_next_rollout_unchanged() -> None:
    story = Story()
    story.app("shop", "eu-1")
    request = one(StackDeployRequested, story.say(DeployRequested(app="shop", image=A)))
    run = story.claim(request)
    story.say(DeployRequested(app="shop", image=B))
    foreign = Live(image=B, generation=3, team="other", app_id="shop.1")
    facts = story.say(
        StackDeployFailed(**report(request, run), phase="look", code="foreign-app", message="Not ours.", live=foreign)
    )
    assert of(StackDeployUnchanged, facts) == []


def test_a_late_sight_of_another_teams_app_is_told_once_or_never() -> None:
    story = Story()
    story.app("shop", "eu-1")
    request = one(StackDeployRequested, story.say(DeployRequested(app="shop", image=A)))
    run = story.claim(request)
    foreign = Live(image=B, generation=3, team="other", app_id="shop.1")
    failed = StackDeployFailed(**report(request, run), phase="look", code="foreign-app", message="No.", live=foreign)
    story.say(failed)
    assert names(story.say(failed)) == []
