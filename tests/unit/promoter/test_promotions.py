"""Promotions: what is promoted, what is refused, how they end."""

from __future__ import annotations

import pytest
from tests.unit.promoter.story import A, B, C, Story, known_live, names, of, one, report, shop

from ownstack_contracts.apps import AppSettingsChanged
from ownstack_contracts.jobs import PostdeployRequested, StackDeployRequested
from ownstack_contracts.leases import JobClosed, LeaseLapsed
from ownstack_contracts.outcomes import (
    PostdeployUnknown,
    StackDeployCancelled,
    StackDeploySkipped,
    StackDeployUnchanged,
)
from ownstack_contracts.promotions import (
    PromotionCancelled,
    PromotionCancelRequested,
    PromotionFailed,
    PromotionOpened,
    PromotionPartiallySucceeded,
    PromotionRequested,
    PromotionSucceeded,
    PromotionSuperseded,
)
from ownstack_contracts.reports import PostdeployFailed, StackDeploySucceeded
from ownstack_contracts.rollouts import DeployFailed, DeployRequested, RolloutQueued, RolloutStarted


def test_promote_copies_the_image_of_staging_to_every_stack_of_production() -> None:
    story = shop("eu-1", "us-1", "ap-1")
    facts = story.promote("shop-staging", id="p1")
    asked = of(StackDeployRequested, facts)
    assert [(r.stack, r.image) for r in asked] == [("eu-1", A), ("us-1", A), ("ap-1", A)]
    assert [r.job for r in asked] == ["p1.eu-1.1", "p1.us-1.1", "p1.ap-1.1"]
    assert names(facts)[:3] == ["PromotionRequested", "PromotionBegun", "StackLookRequested"]
    assert names(facts)[3:7] == ["StackObserved", "PromotionOpened", "ReleaseCreated", "RolloutStarted"]


def test_a_promotion_records_who_promoted_what_to_where() -> None:
    story = shop("eu-1")
    opened = one(PromotionOpened, story.promote("shop-staging", id="p1"))
    assert (opened.source, opened.source_release, opened.target, opened.image) == ("shop-staging", 1, "shop", A)
    assert (opened.stacks, opened.requester, opened.config_fingerprint) == (("eu-1",), "token:ann", "none")


def test_a_promotion_succeeds_when_every_stack_holds_the_release_and_the_script_ran_once() -> None:
    story = shop("eu-1", "us-1")
    facts = story.finish(story.promote("shop-staging", id="p1"))
    script = one(PostdeployRequested, facts)
    assert script.stack == "eu-1"
    end = one(PromotionSucceeded, facts)
    assert [(r.stack, r.outcome) for r in end.results] == [("eu-1", "succeeded"), ("us-1", "succeeded")]
    assert end.postdeploy == "succeeded"


def test_the_script_waits_for_all_stacks_and_runs_on_the_one_that_went_live_first() -> None:
    story = shop("eu-1", "us-1")
    eu, us = of(StackDeployRequested, story.promote("shop-staging"))
    assert not of(PostdeployRequested, story.succeed(us))
    assert one(PostdeployRequested, story.succeed(eu)).stack == "us-1"


def test_one_failing_stack_does_not_stop_the_others() -> None:
    story = shop("eu-1", "us-1", "ap-1")
    eu, us, ap = of(StackDeployRequested, story.promote("shop-staging"))
    assert names(story.fail(eu)) == ["StackDeployFailed"]
    story.succeed(us)
    end = one(PromotionPartiallySucceeded, story.finish(story.succeed(ap)))
    assert [(r.stack, r.outcome, r.code) for r in end.results] == [
        ("eu-1", "failed", "exit-1"),
        ("us-1", "succeeded", None),
        ("ap-1", "succeeded", None),
    ]
    assert end.code == "stacks-failed"


def test_a_promotion_of_which_no_stack_took_the_release_has_failed_and_runs_no_script() -> None:
    story = shop("eu-1")
    (request,) = of(StackDeployRequested, story.promote("shop-staging"))
    facts = story.fail(request)
    assert names(facts) == ["StackDeployFailed", "PromotionFailed"]


def test_what_is_live_already_is_unchanged_and_runs_no_script() -> None:
    story = shop("eu-1", "us-1")
    story.finish(story.promote("shop-staging"))
    facts = story.promote("shop-staging")
    assert len(of(StackDeployUnchanged, facts)) == 2
    assert not of(PostdeployRequested, facts)
    assert {r.outcome for r in one(PromotionSucceeded, facts).results} == {"unchanged"}


def test_redeploy_releases_again_what_is_live_already() -> None:
    story = shop("eu-1")
    story.finish(story.promote("shop-staging"))
    facts = story.promote("shop-staging", redeploy=True)
    assert one(StackDeployRequested, facts).generation == 2


def test_some_stacks_can_be_named() -> None:
    story = shop("eu-1", "us-1", "ap-1")
    facts = story.promote("shop-staging", stacks=("ap-1", "eu-1"))
    assert [r.stack for r in of(StackDeployRequested, facts)] == ["eu-1", "ap-1"]


def test_a_promotion_behind_a_rollout_waits_and_starts_after_it() -> None:
    story = shop("eu-1")
    (first,) = of(StackDeployRequested, story.promote("shop-staging", id="p1"))
    story.deployed("shop-staging", B)
    queued = one(RolloutQueued, story.promote("shop-staging", id="p2"))
    assert (queued.rollout, queued.behind) == ("p2", "p1")
    facts = story.finish(story.succeed(first))
    assert names(facts).index("PromotionSucceeded") < names(facts).index("RolloutStarted")
    assert one(RolloutStarted, facts).rollout == "p2"
    story.finish(story.untagged(facts)[len(facts) :])
    assert story.team.apps["shop"].live["eu-1"].image == B


def test_one_that_waits_is_superseded_by_a_newer_one_that_covers_its_stacks() -> None:
    story = shop("eu-1", "us-1")
    story.promote("shop-staging", id="p1")
    story.deployed("shop-staging", B)
    story.promote("shop-staging", stacks=("eu-1",), id="p2")
    story.deployed("shop-staging", C)
    facts = story.promote("shop-staging", id="p3")
    superseded = one(PromotionSuperseded, facts)
    assert (superseded.promotion, superseded.superseded_by) == ("p2", "p3")
    assert story.team.apps["shop"].queue == ["p3"]


def test_one_that_waits_stays_when_a_newer_one_covers_only_some_of_its_stacks() -> None:
    story = shop("eu-1", "us-1")
    story.promote("shop-staging", id="p1")
    story.deployed("shop-staging", B)
    story.promote("shop-staging", id="p2")
    facts = story.promote("shop-staging", stacks=("eu-1",), id="p3")
    assert not of(PromotionSuperseded, facts)
    assert story.team.apps["shop"].queue == ["p2", "p3"]


def test_cancelling_stops_what_has_not_begun_and_lets_the_rest_finish() -> None:
    story = shop("eu-1", "us-1")
    eu, us = of(StackDeployRequested, story.promote("shop-staging", id="p1"))
    run = story.claim(eu)
    facts = story.say(PromotionCancelRequested(promotion="p1"))
    assert one(StackDeployCancelled, facts).stack == "us-1"
    assert one(JobClosed, facts).job == us.job
    assert not of(PromotionCancelled, facts)
    end = one(PromotionCancelled, story.finish(story.succeed_as(eu, run)))
    assert [(r.stack, r.outcome) for r in end.results] == [("eu-1", "succeeded"), ("us-1", "cancelled")]


def test_cancelling_one_that_waits_ends_it() -> None:
    story = shop("eu-1")
    story.promote("shop-staging", id="p1")
    story.deployed("shop-staging", B)
    story.promote("shop-staging", id="p2")
    assert one(PromotionCancelled, story.say(PromotionCancelRequested(promotion="p2"))).promotion == "p2"
    assert story.team.apps["shop"].queue == []


def test_cancelling_is_refused_when_all_has_begun_or_it_is_over() -> None:
    story = shop("eu-1")
    (eu,) = of(StackDeployRequested, story.promote("shop-staging", id="p1"))
    run = story.claim(eu)
    assert story.refused(PromotionCancelRequested(promotion="p1")) == "nothing-to-cancel"
    story.finish(story.succeed_as(eu, run))
    assert story.refused(PromotionCancelRequested(promotion="p1")) == "promotion-not-open"
    assert story.refused(PromotionCancelRequested(promotion="p9")) == "promotion-not-open"


def test_a_script_that_fails_or_is_lost_makes_it_partially_succeeded() -> None:
    story = shop("eu-1")
    script = one(PostdeployRequested, story.succeed(_only(story)))
    run = story.claim(script)
    failed = PostdeployFailed(**report(script, run), code="exit-1", message="no")
    end = one(PromotionPartiallySucceeded, story.say(failed))
    assert (end.postdeploy, end.code) == ("failed", "postdeploy-failed")

    story = shop("eu-1")
    script = one(PostdeployRequested, story.succeed(_only(story)))
    run = story.claim(script)
    facts = story.say(LeaseLapsed(**report(script, run)))
    assert names(facts) == ["LeaseLapsed", "PostdeployUnknown", "JobClosed", "PromotionPartiallySucceeded"]
    assert one(PostdeployUnknown, facts).stack == "eu-1"


def _only(story: Story) -> StackDeployRequested:
    return one(StackDeployRequested, story.promote("shop-staging"))


@pytest.mark.parametrize(
    ("mode", "scripts"), [("once-per-promotion", [1, 1]), ("once-per-app", [1, 0]), ("each-stack", [2, 2])]
)
def test_the_script_runs_as_often_as_the_app_says(mode: str, scripts: list[int]) -> None:
    story = shop("eu-1", "us-1")
    story.say(AppSettingsChanged(app="shop", postdeploy=mode))  # type: ignore[arg-type]
    seen = []
    for picture in (A, B):
        story.deployed("shop-staging", picture)
        facts = story.finish(story.promote("shop-staging"))
        seen.append(len(of(PostdeployRequested, facts)))
        assert of(PromotionSucceeded, facts)
    assert seen == scripts


def test_with_first_stack_the_others_wait_for_its_release_task_and_do_not_run_it() -> None:
    story = shop("eu-1", "us-1", "ap-1")
    story.say(AppSettingsChanged(app="shop", release_task="first-stack"))
    (eu,) = of(StackDeployRequested, story.promote("shop-staging"))
    assert (eu.stack, eu.release_task) == ("eu-1", True)
    others = of(StackDeployRequested, story.succeed(eu))
    assert [(r.stack, r.release_task) for r in others] == [("us-1", False), ("ap-1", False)]


def test_with_first_stack_its_failure_ends_the_rollout() -> None:
    story = shop("eu-1", "us-1")
    story.say(AppSettingsChanged(app="shop", release_task="first-stack"))
    (eu,) = of(StackDeployRequested, story.promote("shop-staging"))
    facts = story.fail(eu)
    assert one(StackDeploySkipped, facts).stack == "us-1"
    assert [r.outcome for r in one(PromotionFailed, facts).results] == ["failed", "skipped"]


def test_promoting_is_refused_with_a_reason() -> None:
    story = shop("eu-1")
    assert story.refused(PromotionRequested(app="nobody")) == "app-unknown"
    assert story.refused(PromotionRequested(app="shop")) == "last-stage"
    assert story.refused(PromotionRequested(app="shop-staging", release=7)) == "release-unknown"
    assert story.refused(PromotionRequested(app="shop-staging", stacks=("staging-1",))) == "stack-not-of-app"
    story.app("alone", "alone-1")
    assert story.refused(PromotionRequested(app="alone")) == "not-in-pipeline"


def test_nothing_is_promoted_while_nothing_is_live_or_the_source_is_being_deployed_or_is_mixed() -> None:
    story = Story()
    story.app("shop-staging", "s-1", "s-2")
    story.app("shop", "eu-1")
    story.pipeline("shop-staging", "shop")
    assert one(PromotionFailed, story.promote("shop-staging")).code == "nothing-to-promote"
    first, second = of(StackDeployRequested, story.say(DeployRequested(app="shop-staging", image=A)))
    story.succeed(first)
    assert story.refused(PromotionRequested(app="shop-staging")) == "rollout-active"
    story.finish(story.fail(second))
    mixed = one(PromotionFailed, story.promote("shop-staging"))
    assert (mixed.code, "v1 on s-1, nothing on s-2" in str(mixed.message)) == ("release-mixed", True)
    assert of(StackDeployRequested, story.promote("shop-staging", release=1))


def test_a_middle_stage_promotes_to_the_next() -> None:
    story = Story()
    for app in ("dev", "qa", "prod"):
        story.app(app, f"{app}-1")
    story.pipeline("dev", "qa", "prod")
    story.deployed("dev", A)
    assert one(StackDeployRequested, story.finish(story.promote("dev"))).app == "qa"
    assert one(StackDeployRequested, story.promote("qa")).app == "prod"


def test_a_deployment_that_fails_everywhere_ends_as_failed() -> None:
    story = shop("eu-1")
    (request,) = of(StackDeployRequested, story.say(DeployRequested(app="shop", image=B), id="d1"))
    assert one(DeployFailed, story.fail(request)).rollout == "d1"


def test_what_others_may_have_changed_is_looked_at_before_it_counts_as_unchanged() -> None:
    story = shop("eu-1", "us-1")
    story.finish(story.promote("shop-staging"))
    story.team.stacks["eu-1"].driver = story.team.stacks["us-1"].driver = "dokku"
    eu, us = of(StackDeployRequested, story.promote("shop-staging", id="p2"))
    assert (eu.unless_live, us.unless_live, eu.image) == (True, True, A)
    held = known_live(story.team, "shop", "eu-1")
    assert held is not None
    story.say(StackDeploySucceeded(**report(eu, story.claim(eu)), live=held, unchanged=True))
    story.finish(story.succeed(us))  # it had been changed, and is deployed
    end = of(PromotionSucceeded, story.history)[-1]
    assert [(r.stack, r.outcome) for r in end.results] == [("eu-1", "unchanged"), ("us-1", "succeeded")]
    assert of(PostdeployRequested, story.history)[-1].stack == "us-1"
    assert story.team.current_release(story.team.apps["shop"]) == end.release


def test_where_all_turn_out_unchanged_no_script_runs() -> None:
    story = shop("eu-1")
    story.finish(story.promote("shop-staging"))
    story.team.stacks["eu-1"].driver = "program"
    (eu,) = of(StackDeployRequested, story.promote("shop-staging", id="p2"))
    held = known_live(story.team, "shop", "eu-1")
    assert held is not None
    facts = story.say(StackDeploySucceeded(**report(eu, story.claim(eu)), live=held, unchanged=True))
    assert one(PromotionSucceeded, facts).results[0].outcome == "unchanged"
    assert of(PostdeployRequested, facts) == []


def test_with_first_stack_what_is_believed_to_hold_it_waits_for_nobody() -> None:
    story = shop("eu-1", "us-1", "ap-1")
    story.say(AppSettingsChanged(app="shop", release_task="first-stack"))
    story.finish(story.say(DeployRequested(app="shop", image=A, stacks=("us-1",))))
    story.team.stacks["us-1"].driver = "program"
    asked = of(StackDeployRequested, story.promote("shop-staging", id="p2"))
    assert [(r.stack, r.unless_live, r.release_task) for r in asked] == [("us-1", True, False), ("eu-1", False, True)]
