"""A promotion begins with a look at its source, and promotes what is really live there."""

from __future__ import annotations

import pytest
from tests.unit.promoter.story import A, B, Story, known_live, names, of, one, report, shop

from ownstack_contracts.apps import AppStackRemoved, ReleaseCreated
from ownstack_contracts.jobs import Live, StackDeployRequested, StackLookRequested
from ownstack_contracts.leases import JobClosed, LeaseLapsed
from ownstack_contracts.pipelines import StageRemoved
from ownstack_contracts.promotions import (
    PromotionBegun,
    PromotionCancelled,
    PromotionCancelRequested,
    PromotionFailed,
    PromotionOpened,
    PromotionRequested,
)
from ownstack_contracts.reports import StackDeployFailed, StackDeploySucceeded, StackLookFailed, StackObserved
from ownstack_contracts.rollouts import DeployRequested


def begun(story: Story, *, id: str = "p1") -> StackLookRequested:
    """A promotion of shop-staging that waits for the look at its only stack."""
    return one(StackLookRequested, story.say(PromotionRequested(app="shop-staging"), id=id))


def test_what_is_known_is_looked_at_before_anything_is_deployed() -> None:
    story = shop("eu-1")
    facts = story.say(PromotionRequested(app="shop-staging"), id="p1")
    begin = one(PromotionBegun, facts)
    assert (begin.source_release, begin.looked_at, begin.stacks) == (1, ("staging-1",), ("eu-1",))
    assert of(StackDeployRequested, facts) == []
    seen = story.see_what_is_known(one(StackLookRequested, facts))
    assert one(StackDeployRequested, story.untagged(seen)).image == A


def test_an_image_that_somebody_has_deployed_past_us_is_not_promoted_unseen() -> None:
    story = shop("eu-1")
    facts = story.answer_look(begun(story), Live(image=B))
    assert one(ReleaseCreated, facts).origin == "found"
    end = one(PromotionFailed, facts)
    assert (end.promotion, end.code, end.results) == ("p1", "source-drifted", ())
    assert B in str(end.message)
    assert "v1" in str(end.message)
    assert of(PromotionOpened, facts) == []


def test_promoted_again_it_is_what_was_meant() -> None:
    story = shop("eu-1")
    story.answer_look(begun(story), Live(image=B))
    opened = one(PromotionOpened, story.promote("shop-staging"))
    assert (opened.image, opened.source_release) == (B, 2)


def test_an_image_without_a_digest_ends_it_with_what_to_do() -> None:
    story = shop("eu-1")
    end = one(PromotionFailed, story.answer_look(begun(story), Live(reference="dokku/shop-staging:latest")))
    assert end.code == "image-without-digest"
    for words in ("dokku/shop-staging:latest", "docker push", "ownstack deploy shop-staging --image"):
        assert words in str(end.message)


def test_an_image_without_a_digest_that_is_known_already_is_looked_at_again_and_may_be_mended() -> None:
    story = shop("eu-1")
    story.answer_look(begun(story), Live(reference="dokku/shop-staging:latest"))
    look = begun(story, id="p2")
    assert one(PromotionFailed, story.answer_look(look, Live(reference="x"))).code == "image-without-digest"
    opened = one(PromotionOpened, story.answer_look(begun(story, id="p3"), Live(image=B)))
    assert (opened.image, opened.source_release) == (B, 2)


def test_nothing_left_on_the_source_is_drift_too() -> None:
    story = shop("eu-1")
    assert one(PromotionFailed, story.answer_look(begun(story), None)).code == "source-drifted"


def test_a_source_that_cannot_be_looked_at_ends_it() -> None:
    story = shop("eu-1")
    look = begun(story)
    run = story.claim(look)
    failed = StackLookFailed(
        job=look.job, run=run, app="shop-staging", stack="staging-1", code="unreachable", message="It is off."
    )
    end = one(PromotionFailed, story.say(failed))
    assert end.code == "source-not-seen"
    assert "It is off." in str(end.message)
    assert "--release" in str(end.message)


def test_a_look_that_nobody_takes_ends_it_at_the_waiting_deadline() -> None:
    story = shop("eu-1")
    look = begun(story)
    story.wait(899)
    assert "p1" in story.team.lookings
    facts = story.wait(1)
    assert one(PromotionFailed, facts).code == "source-not-seen"
    assert one(JobClosed, facts).job == look.job
    assert story.team.lookings == {}


def test_two_looks_that_nobody_takes_end_it_once() -> None:
    story = Story()
    story.app("wide", "w-1", "w-2")
    story.app("wide-production", "w-3")
    story.pipeline("wide", "wide-production")
    story.deployed("wide", A)
    story.say(PromotionRequested(app="wide"), id="p1")
    assert one(PromotionFailed, story.wait(900)).promotion == "p1"


def test_all_stacks_of_the_source_are_waited_for() -> None:
    story = shop("eu-1")
    story.app("wide", "w-1", "w-2")
    story.app("wide-production", "w-3")
    story.pipeline("wide", "wide-production")
    story.deployed("wide", A)
    first, second = of(StackLookRequested, story.say(PromotionRequested(app="wide")))
    assert names(story.see_what_is_known(second)) == ["StackObserved"]
    assert one(PromotionOpened, story.see_what_is_known(first)).image == A


def test_a_release_that_is_named_needs_no_look() -> None:
    facts = shop("eu-1").say(PromotionRequested(app="shop-staging", release=1))
    assert of(StackLookRequested, facts) == []
    assert one(PromotionOpened, facts).source_release == 1


def test_a_source_that_was_deployed_meanwhile_is_said_so() -> None:
    story = shop("eu-1")
    look = begun(story)
    story.finish(story.say(DeployRequested(app="shop-staging", image=B)))
    end = one(PromotionFailed, story.answer_look(look, known_live(story.team, "shop-staging", "staging-1")))
    assert end.code == "source-changed"


def test_a_source_that_is_being_deployed_now_is_waited_for_by_nobody() -> None:
    story = shop("eu-1")
    look = begun(story)
    story.say(DeployRequested(app="shop-staging", image=B), id="d9")
    assert one(PromotionFailed, story.see_what_is_known(look)).code == "rollout-active"


def test_while_it_looks_it_can_be_cancelled() -> None:
    story = shop("eu-1")
    look = begun(story)
    assert names(story.say(PromotionCancelRequested(promotion="p1"))) == [
        "PromotionCancelRequested",
        "PromotionCancelled",
    ]
    assert of(PromotionOpened, story.see_what_is_known(look)) == []
    assert of(PromotionCancelled, story.history)[-1].promotion == "p1"


@pytest.mark.parametrize(
    "command",
    [StageRemoved(production="shop", stage="shop-staging"), AppStackRemoved(app="shop-staging", stack="staging-1")],
)
def test_while_it_looks_nothing_is_taken_from_under_it(command: StageRemoved | AppStackRemoved) -> None:
    story = shop("eu-1")
    begun(story)
    assert story.refused(command) == "promotion-open"


def test_a_run_that_lost_its_lease_and_tells_after_all_ends_the_look() -> None:
    story = shop("eu-1")
    look = begun(story)
    run = story.claim(look)
    story.say(LeaseLapsed(**report(look, run)))
    facts = story.say(StackObserved(**report(look, run), live=Live(image=B)))
    assert one(PromotionFailed, facts).code == "source-drifted"
    assert story.team.lookings == {}


def test_one_whose_look_another_was_granted_leaves_it_to_that() -> None:
    story = shop("eu-1")
    look = begun(story)
    late = story.claim(look)
    story.say(LeaseLapsed(**report(look, late)))
    run = story.claim(look)
    newer = Live(image=B, generation=99, deployment="d9", team="acme")
    assert names(story.say(StackObserved(**report(look, late), live=newer))) == []
    assert look.job in story.team.jobs
    facts = story.say(StackObserved(**report(look, run), live=known_live(story.team, "shop-staging", "staging-1")))
    assert one(PromotionOpened, facts).image == A


def test_a_report_of_another_kind_or_place_does_not_end_the_look() -> None:
    story = shop("eu-1")
    look = begun(story)
    elsewhere = {"job": look.job, "run": "r99", "app": "shop", "stack": "eu-1"}
    story.say(StackObserved(**elsewhere, live=Live(image=B, generation=99, team="acme")))
    story.say(StackDeploySucceeded(**report(look, "r98"), live=Live(image=B, generation=99, team="acme")))
    assert look.job in story.team.jobs
    assert story.team.lookings["p1"].looks == {look.job}


def test_what_it_says_fits_into_a_fact_however_long_the_names_of_images_are() -> None:
    story = Story()
    stacks = tuple(f"w-{number}" for number in range(8))
    story.app("wide", *stacks)
    story.app("wide-production", "w-9")
    story.pipeline("wide", "wide-production")
    story.deployed("wide", A)
    looks = of(StackLookRequested, story.say(PromotionRequested(app="wide")))
    for number, look in enumerate(looks):
        facts = story.answer_look(look, Live(image=f"{'a' * 500}@sha256:{number:064x}"))
    assert one(PromotionFailed, facts).code == "source-drifted"


def test_what_a_failed_deployment_has_seen_already_is_found_all_the_same() -> None:
    story = Story()
    story.app("shop-staging", "staging-1")
    story.app("shop", "eu-1")
    story.pipeline("shop-staging", "shop")
    look = begun(story)
    request = one(StackDeployRequested, story.say(DeployRequested(app="shop-staging", image=A)))
    failed = StackDeployFailed(
        **report(request, story.claim(request)), phase="restart", code="x", message="No.", live=Live(image=B)
    )
    story.say(failed)
    facts = story.answer_look(look, Live(image=B))
    assert one(PromotionOpened, facts).image == B
    assert of(ReleaseCreated, facts)[0].origin == "found"
