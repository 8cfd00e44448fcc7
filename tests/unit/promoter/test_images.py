"""Images: a tag is resolved before anything is deployed, and what is promoted is tagged before its stacks are asked."""

from __future__ import annotations

from typing import Any

from tests.unit.promoter.story import A, B, C, Story, names, not_tagged, of, one, shop

from ownstack_contracts.apps import AppDestroyed, AppSettingsChanged, AppStackRemoved
from ownstack_contracts.images import (
    ImageAwaited,
    ImageJobClosed,
    ImageNotResolved,
    ImageResolved,
    ImageResolveRequested,
    ImageRetagged,
    ImageRetagRequested,
    ImageRetagSkipped,
)
from ownstack_contracts.jobs import StackDeployRequested, StackLookRequested
from ownstack_contracts.message import Message
from ownstack_contracts.names import digest_of
from ownstack_contracts.promotions import (
    PromotionCancelled,
    PromotionCancelRequested,
    PromotionRequested,
    PromotionSucceeded,
)
from ownstack_contracts.rollouts import (
    DeployBegun,
    DeployCancelled,
    DeployFailed,
    DeployOpened,
    DeployRequested,
    DeploySuperseded,
    RollbackRequested,
    StackRetryRequested,
)

TAG = "registry.example/shop:v1"


def begun(story: Story, image: str = TAG, *, id: str = "t1", **fields: Any) -> ImageResolveRequested:
    """A deployment of a tag that waits for its digest."""
    return one(ImageResolveRequested, story.say(DeployRequested(app="shop", image=image, **fields), id=id))


def resolved(request: ImageResolveRequested, image: str = B) -> ImageResolved:
    """The tag means this image."""
    return ImageResolved(job=request.job, app=request.app, image=f"{request.reference}@{digest_of(image)}")


def not_resolved(request: ImageResolveRequested) -> ImageNotResolved:
    """There is no such image."""
    return ImageNotResolved(job=request.job, app=request.app, code="image-missing", message="There is none.")


def tagging(story: Story, **wanted: Any) -> ImageRetagRequested:
    """A promotion whose image is about to be tagged."""
    facts = story.say(PromotionRequested(app="shop-staging", **wanted), id="p1")
    return one(ImageRetagRequested, story.see_what_is_known(one(StackLookRequested, facts)))


def test_a_tag_is_resolved_first_and_the_digest_is_what_is_deployed() -> None:
    story = shop("eu-1", "us-1")
    facts = story.say(DeployRequested(app="shop", image=TAG, stacks=("us-1",), redeploy=True), id="t1")
    assert names(facts) == ["DeployRequested", "DeployBegun", "ImageResolveRequested"]
    request = one(ImageResolveRequested, facts)
    assert (one(DeployBegun, facts).rollout, request.rollout, request.reference) == ("t1", "t1", TAG)
    assert request.missing_until == story.now, "what is not there now is not waited for"
    facts = story.say(resolved(request))
    assert names(facts)[:2] == ["ImageResolved", "DeployOpened"]
    opened, asked = one(DeployOpened, facts), one(StackDeployRequested, facts)
    assert (opened.rollout, opened.stacks, opened.redeploy, opened.requester) == ("t1", ("us-1",), True, "token:ann")
    assert opened.image == asked.image == f"{TAG}@{digest_of(B)}"


def test_what_is_resolved_first_wins_wherever_the_tag_moves() -> None:
    story = shop("eu-1")
    request = begun(story)
    story.say(resolved(request, B))
    assert story.say(resolved(request, C)) == []
    assert story.say(not_resolved(request)) == []
    (job,) = story.team.jobs.values()
    assert isinstance(job.request, StackDeployRequested)
    assert digest_of(job.request.image) == digest_of(B)


def test_an_answer_that_names_another_repository_fails_the_deployment() -> None:
    story = shop("eu-1")
    request = begun(story)
    elsewhere = f"evil.example/miner:v1@{digest_of(B)}"
    facts = story.say(ImageResolved(job=request.job, app="shop", image=elsewhere))
    assert one(DeployFailed, facts).code == "registry-invalid"


def test_a_tag_that_can_not_be_resolved_fails_the_deployment_and_touches_no_stack() -> None:
    story = shop("eu-1")
    facts = story.say(not_resolved(begun(story)))
    end = one(DeployFailed, facts)
    assert (end.code, [result.outcome for result in end.results]) == ("image-missing", ["skipped"])
    assert (story.team.resolvings, story.team.image_jobs) == ({}, {})
    assert story.say(DeployRequested(app="shop", image=B))


def test_where_no_deployer_answers_the_deployment_fails_in_the_end() -> None:
    story = shop("eu-1")
    begun(story)
    assert story.wait(59) == []
    facts = story.wait(2)
    assert names(facts) == ["ImageNotResolved", "DeployFailed"]
    assert one(DeployFailed, facts).code == "no-deployer"
    assert story.wait(3_600) == []


def test_that_an_image_is_awaited_stands_in_the_history() -> None:
    story = shop("eu-1")
    request = begun(story)
    awaited = ImageAwaited(job=request.job, app="shop", message="Not there yet.", until=story.now + 1)
    assert story.say(awaited) == [awaited]
    story.say(resolved(request))
    assert story.say(awaited) == []


def test_a_newer_deployment_supersedes_one_that_waits_for_its_image() -> None:
    story = shop("eu-1", "us-1")
    first = begun(story, id="t1", stacks=("eu-1",))
    facts = story.say(DeployRequested(app="shop", image="registry.example/shop:v2"), id="t2")
    superseded = one(DeploySuperseded, facts)
    assert (superseded.rollout, superseded.superseded_by) == ("t1", "t2")
    assert one(ImageJobClosed, facts).job == first.job, "its image need not be looked for any more"
    assert story.say(resolved(first)) == []
    facts = story.say(DeployRequested(app="shop", image=B, stacks=("eu-1",)), id="d3")
    assert of(DeploySuperseded, facts) == [], "t2 is wanted on more stacks than these"
    facts = story.say(DeployRequested(app="shop", image=C), id="d4")
    assert one(DeploySuperseded, facts).rollout == "t2"


def test_an_older_tag_that_is_resolved_late_leaves_a_stack_to_the_newer_deployment() -> None:
    story = shop("eu-1", "us-1")
    first = begun(story, id="t1")
    (newer,) = of(StackDeployRequested, story.say(DeployRequested(app="shop", image=C, stacks=("eu-1",)), id="d2"))
    story.finish([newer])
    facts = story.say(resolved(first))
    assert one(DeployOpened, facts).stacks == ("us-1",)
    assert one(StackDeployRequested, facts).stack == "us-1"


def test_an_app_that_waits_for_an_image_is_not_taken_apart_but_can_be_destroyed() -> None:
    story = shop("eu-1", "us-1")
    story.app("blog", "eu-1", "us-1")
    request = one(ImageResolveRequested, story.say(DeployRequested(app="blog", image=TAG), id="t1"))
    assert story.refused(AppStackRemoved(app="blog", stack="us-1")) == "rollout-active"
    facts = story.say(AppDestroyed(app="blog"))
    assert one(DeployCancelled, facts).rollout == "t1"
    assert story.say(resolved(request)) == []


def test_a_roll_back_cancels_what_waits_for_its_image() -> None:
    story = shop("eu-1")
    for image in (A, B):
        story.finish(story.say(DeployRequested(app="shop", image=image)))
    request = begun(story)
    facts = story.say(RollbackRequested(app="shop", acknowledge_migrations=True))
    assert one(DeployCancelled, facts).rollout == "t1"
    assert story.say(resolved(request, C)) == []


def test_a_promoted_image_is_tagged_before_any_stack_is_asked() -> None:
    story = shop("eu-1", "us-1")
    request = tagging(story)
    assert (request.tag, request.repository, request.image, request.release) == ("shop-v1", None, A, 1)
    assert not of(StackDeployRequested, [job.request for job in story.team.jobs.values()])
    named = A.replace("@", ":shop-v1@")
    facts = story.say(ImageRetagged(job=request.job, app="shop", image=named))
    assert [asked.image for asked in of(StackDeployRequested, facts)] == [named] * 2
    assert story.team.apps["shop"].releases[1].image == named
    assert one(PromotionSucceeded, story.finish(facts))


def test_without_a_tag_the_promotion_goes_on_by_digest() -> None:
    story = shop("eu-1")
    facts = story.say(not_tagged(tagging(story)))
    assert names(facts) == ["ImageRetagSkipped", "StackDeployRequested"]
    assert one(StackDeployRequested, facts).image == A


def test_a_tag_on_another_image_counts_as_none() -> None:
    story = shop("eu-1")
    request = tagging(story)
    facts = story.say(ImageRetagged(job=request.job, app="shop", image=B))
    assert one(ImageRetagSkipped, facts).code == "digest-mismatch"
    assert one(StackDeployRequested, facts).image == A


def test_where_nobody_tags_it_the_promotion_goes_on_after_a_minute() -> None:
    story = shop("eu-1")
    request = tagging(story)
    facts = story.wait(61)
    assert one(ImageRetagSkipped, facts).code == "no-deployer"
    assert one(StackDeployRequested, facts)
    assert story.say(not_tagged(request)) == []


def test_the_app_says_where_its_image_is_tagged_and_whether() -> None:
    story = shop("eu-1")
    story.say(AppSettingsChanged(app="shop", retag_to="registry.example/production"))
    assert tagging(story).repository == "registry.example/production"
    other = shop("eu-1")
    other.say(AppSettingsChanged(app="shop", retag=False))
    assert of(ImageRetagRequested, other.promote("shop-staging")) == []


def test_nothing_is_tagged_where_there_is_nothing_to_do() -> None:
    story = shop("eu-1")
    story.finish(story.promote("shop-staging"))
    facts = story.promote("shop-staging")
    assert of(ImageRetagRequested, facts) == []
    assert one(PromotionSucceeded, facts).results[0].outcome == "unchanged"


def test_only_a_promotion_is_tagged() -> None:
    story = shop("eu-1")
    assert of(ImageRetagRequested, story.say(DeployRequested(app="shop", image=B))) == []


def test_a_promotion_is_cancelled_while_its_image_is_tagged() -> None:
    story = shop("eu-1", "us-1")
    request = tagging(story)
    facts = story.say(PromotionCancelRequested(promotion="p1"))
    assert one(PromotionCancelled, facts).promotion == "p1"
    assert story.say(not_tagged(request)) == []
    assert (story.team.image_jobs, story.team.apps["shop"].active) == ({}, None)
    assert story.wait(3_600) == []


def test_a_stack_is_not_retried_while_the_image_is_tagged() -> None:
    story = shop("eu-1")
    tagging(story)
    assert story.refused(StackRetryRequested(app="shop", stack="eu-1")) == "still-running"


def test_a_promotion_that_waited_is_tagged_when_it_starts_and_the_queue_goes_on() -> None:
    story = shop("eu-1")
    (first,) = of(StackDeployRequested, story.say(DeployRequested(app="shop", image=B), id="d1"))
    story.promote("shop-staging", id="p1")
    story.say(DeployRequested(app="shop", image=A, stacks=("eu-1",)), id="d2")
    assert story.team.apps["shop"].queue == ["d2"], "it covers the stacks of the promotion"
    story.promote("shop-staging", id="p2")
    facts: list[Message] = story.finish(story.succeed(first))
    request = one(ImageRetagRequested, facts)
    assert (request.rollout, request.tag) == ("p2", "shop-v2")
    assert one(PromotionSucceeded, story.finish(story.say(not_tagged(request)))).promotion == "p2"
