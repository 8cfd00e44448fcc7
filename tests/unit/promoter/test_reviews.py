"""Review apps: they come with a pull request, follow it, and go with it or when their time has passed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from tests.unit.promoter.story import A, B, Story, names, of, one, sealed, shop

from ownstack_contracts.apps import AppDestroyed
from ownstack_contracts.config import ConfigErased
from ownstack_contracts.images import ImageResolved, ImageResolveRequested
from ownstack_contracts.jobs import (
    PostdeployRequested,
    StackAppRemovalRequested,
    StackDeployRequested,
    StackLookRequested,
)
from ownstack_contracts.message import Message
from ownstack_contracts.names import digest_of
from ownstack_contracts.pipelines import PipelineRemoved, StagingAdded
from ownstack_contracts.reviews import (
    AppCloned,
    ReviewAppClosed,
    ReviewAppExpired,
    ReviewAppOpened,
    ReviewAppsDisabled,
    ReviewAppsEnabled,
    ReviewAppUpdated,
    clone_id,
)
from ownstack_contracts.rollouts import (
    DeployBegun,
    DeployCancelled,
    DeployFailed,
    DeployRequested,
    DeploySucceeded,
    DeploySuperseded,
    StackRetryRequested,
)
from ownstack_contracts.stacks import StackRemoved

SHA = "9f2c41d07b1e4a6f8c3d5e7f9a0b1c2d3e4f5a6b"
OTHER_SHA = "0" * 40


def enabling(**fields: Any) -> ReviewAppsEnabled:
    """Review apps of the production app on the stack for reviews."""
    wanted: dict[str, Any] = {"stack": "review-1", "image": "ghcr.io/acme/shop:pr-{number}-{sha}", **fields}
    return ReviewAppsEnabled(production="shop", **wanted)


def with_reviews(**fields: Any) -> Story:
    """A pipeline with review apps."""
    story = shop("eu-1")
    story.stacks("review-1")
    story.say(enabling(**fields))
    return story


def pull_request(story: Story, *, id: str, number: int = 7, at: int = 1, sha: str = SHA, **more: Any) -> list[Message]:
    """A pull request is opened, or pushed to."""
    return story.say(opened(id=id, number=number, at=at, sha=sha, **more), id=id)


def opened(*, id: str, number: int = 7, at: int = 1, sha: str = SHA, **more: Any) -> ReviewAppOpened:
    """What the webhook says."""
    app_id = clone_id(f"shop-pr-{number}", id)
    return ReviewAppOpened(production="shop", number=number, sha=sha, at=at, app_id=app_id, **more)


def closed(story: Story, *, at: int = 9, number: int = 7) -> list[Message]:
    """A pull request is closed."""
    return story.say(ReviewAppClosed(production="shop", number=number, at=at))


def found(story: Story, facts: Sequence[Message], image: str = B) -> list[Message]:
    """The image has been pushed, and nothing else is on the stack."""
    for look in of(StackLookRequested, facts):
        story.answer_look(look, None)
    request = one(ImageResolveRequested, facts)
    return story.say(ImageResolved(job=request.job, app=request.app, image=f"{request.reference}@{digest_of(image)}"))


def test_a_pull_request_gets_an_app_with_its_image_and_its_variables() -> None:
    story = with_reviews()
    facts = pull_request(story, id="g1", values={"A": sealed("1")})
    assert names(facts) == [
        "ReviewAppOpened",
        "AppCloned",
        "StackLookRequested",
        "ReviewAppUpdated",
        "DeployBegun",
        "ImageResolveRequested",
    ]
    made, request = one(AppCloned, facts), one(ImageResolveRequested, facts)
    assert one(ReviewAppOpened, facts).values == {}, "they stand in the history once"
    assert (made.source, made.app, made.stack, set(made.values)) == ("shop", "shop-pr-7", "review-1", {"A"})
    assert request.reference == f"ghcr.io/acme/shop:pr-7-{SHA}"
    assert request.missing_until == story.now + 30 * 60_000, "it is being built"
    asked = one(StackDeployRequested, found(story, facts))
    assert (asked.app, asked.stack, [entry.name for entry in asked.config]) == ("shop-pr-7", "review-1", ["A"])
    assert one(DeploySucceeded, story.finish([asked])).rollout == "g1"


def test_a_push_deploys_anew_and_leaves_the_variables_as_they_are() -> None:
    story = with_reviews()
    story.finish(found(story, pull_request(story, id="g1", values={"A": sealed("1")})))
    facts = pull_request(story, id="g2", at=2, sha=OTHER_SHA, values={"A": sealed("2")})
    assert names(facts) == [
        "ReviewAppOpened",
        "ConfigErased",
        "ReviewAppUpdated",
        "DeployBegun",
        "ImageResolveRequested",
    ]
    assert one(ConfigErased, facts).app_id == clone_id("shop-pr-7", "g2"), "values were sealed for it, in vain"
    assert one(ReviewAppUpdated, facts).app_id == clone_id("shop-pr-7", "g1")
    assert set(story.team.apps["shop-pr-7"].config.shared.values()) == {sealed("1")}


@pytest.mark.parametrize("whose", ["shop", "shop-pr-7"])
def test_what_names_another_creation_is_refused_and_erases_no_config(whose: str) -> None:
    story = with_reviews()
    pull_request(story, id="g1")
    forged = opened(id="g2", at=2).model_copy(update={"app_id": story.team.apps[whose].id})
    assert story.refused(forged, id="g2") == "app-id-invalid"


def test_a_push_while_the_image_is_awaited_makes_that_one_outdated() -> None:
    story = with_reviews()
    pull_request(story, id="g1")
    facts = pull_request(story, id="g2", at=2, sha=OTHER_SHA)
    assert one(DeploySuperseded, facts).rollout == "g1"
    assert one(DeployBegun, facts).reference.endswith(OTHER_SHA)


def test_an_image_that_is_not_pushed_in_time_is_said_and_the_app_stays() -> None:
    story = with_reviews()
    pull_request(story, id="g1")
    assert not of(DeployFailed, story.wait(30 * 60))
    assert one(DeployFailed, story.wait(120)).rollout == "g1"
    assert "shop-pr-7" in story.team.apps


def test_a_closed_pull_request_takes_its_app_along() -> None:
    story = with_reviews()
    story.finish(found(story, pull_request(story, id="g1")))
    facts = closed(story)
    assert names(facts) == ["ReviewAppClosed", "AppDestroyed", "ConfigErased", "StackAppRemovalRequested"]
    assert one(ConfigErased, facts).app_id == clone_id("shop-pr-7", "g1")
    assert (story.team.apps.get("shop-pr-7"), story.team.reviews) == (None, {})
    assert not of(AppDestroyed, story.wait(3_600))


def test_closed_while_its_image_is_awaited_it_goes_at_once() -> None:
    story = with_reviews()
    pull_request(story, id="g1")
    facts = closed(story)
    assert one(DeployCancelled, facts).rollout == "g1"
    assert one(AppDestroyed, facts).app == "shop-pr-7"


def test_closed_while_it_is_deployed_it_goes_when_that_has_ended() -> None:
    story = with_reviews()
    facts = found(story, pull_request(story, id="g1"))
    story.say(DeployRequested(app="shop-pr-7", image=A, stacks=("review-1",)), id="d2")
    assert names(closed(story)) == ["ReviewAppClosed", "DeployCancelled"], "what waits never begins"
    ended = story.finish(of(StackDeployRequested, facts))
    assert one(DeploySucceeded, ended)
    assert one(StackAppRemovalRequested, story.wait(0)).app == "shop-pr-7"
    assert not of(AppDestroyed, story.wait(3_600))


def test_closed_it_goes_when_a_script_that_is_retried_has_ended() -> None:
    story = with_reviews()
    (request,) = of(StackDeployRequested, found(story, pull_request(story, id="g1")))
    script = one(PostdeployRequested, story.succeed(request))
    story.claim(script, "lost")
    story.wait(1_801)
    story.say(StackRetryRequested(app="shop-pr-7", postdeploy=True))
    closed(story)
    assert "shop-pr-7" in story.team.apps
    story.wait(3_600)
    story.wait(1)
    assert "shop-pr-7" not in story.team.apps


def test_reopened_before_it_has_gone_it_stays() -> None:
    story = with_reviews()
    facts = found(story, pull_request(story, id="g1"))
    closed(story, at=2)
    again = pull_request(story, id="g2", at=3)
    assert of(AppCloned, again) == []
    story.finish(of(StackDeployRequested, facts))
    story.wait(0)
    assert "shop-pr-7" in story.team.apps


def test_opened_in_the_second_in_which_it_was_closed_it_still_goes() -> None:
    story = with_reviews()
    facts = found(story, pull_request(story, id="g1"))
    closed(story, at=5)
    assert story.refused(opened(id="g2", at=5), id="g2") == "pull-request-outdated"
    story.finish(of(StackDeployRequested, facts))
    assert one(AppDestroyed, story.wait(0)).app == "shop-pr-7"


def test_reopened_after_it_has_gone_it_is_another_app() -> None:
    story = with_reviews()
    story.finish(found(story, pull_request(story, id="g1")))
    closed(story, at=2)
    assert one(AppCloned, pull_request(story, id="g2", at=3)).app_id == clone_id("shop-pr-7", "g2")


def test_what_is_delivered_late_undoes_nothing() -> None:
    story = with_reviews()
    pull_request(story, id="g1", at=5)
    assert story.refused(opened(id="g2", at=4), id="g2") == "pull-request-outdated"
    assert story.refused(ReviewAppClosed(production="shop", number=7, at=4)) == "pull-request-outdated"
    closed(story, at=6)
    assert story.refused(opened(id="g3", at=5), id="g3") == "pull-request-outdated"


def test_closed_and_opened_in_the_same_second_it_is_closed() -> None:
    story = with_reviews()
    closed(story, at=6)
    assert story.refused(opened(id="g1", at=6), id="g1") == "pull-request-outdated"
    pull_request(story, id="g2", number=8, at=5)
    closed(story, number=8, at=5)
    assert "shop-pr-8" not in story.team.apps


def test_closed_before_it_was_ever_opened_it_is_not_opened_after_that() -> None:
    story = with_reviews()
    assert names(closed(story, at=6)) == ["ReviewAppClosed"]
    assert story.refused(opened(id="g1", at=5), id="g1") == "pull-request-outdated"


def test_a_review_app_lives_for_its_time_after_its_last_deployment() -> None:
    story = with_reviews(expires=3_600)
    facts = pull_request(story, id="g1")
    assert one(ReviewAppUpdated, facts).expires_at == story.now + 3_600_000
    story.finish(found(story, facts))
    assert not of(ReviewAppExpired, story.wait(3_000))
    story.finish(found(story, pull_request(story, id="g2", at=2)))
    assert not of(ReviewAppExpired, story.wait(3_000))
    assert names(story.wait(700)) == ["ReviewAppExpired", "AppDestroyed", "ConfigErased", "StackAppRemovalRequested"]
    assert not of(AppDestroyed, story.wait(3_600))


def test_expired_while_it_is_deployed_it_goes_when_that_has_ended() -> None:
    story = with_reviews(expires=60)
    (request,) = of(StackDeployRequested, found(story, pull_request(story, id="g1")))
    run = story.claim(request)
    assert names(story.wait(61)) == ["ReviewAppExpired"]
    story.finish(story.succeed_as(request, run))
    assert one(AppDestroyed, story.wait(0)).app == "shop-pr-7"


def test_expired_while_its_image_is_awaited_it_goes_with_one_end() -> None:
    story = with_reviews(expires=60)
    pull_request(story, id="g1")
    facts = story.wait(3_600)
    assert [fact.rollout for fact in of(DeployCancelled, facts)] == ["g1"]
    assert of(DeployFailed, facts) == []
    assert story.wait(60) == []


def test_switched_off_there_are_no_new_ones_and_those_that_are_there_still_go() -> None:
    story = with_reviews()
    pull_request(story, id="g1")
    story.say(ReviewAppsDisabled(production="shop"))
    assert story.refused(opened(id="g2", number=8), id="g2") == "review-apps-off"
    assert one(AppDestroyed, closed(story)).app == "shop-pr-7"
    assert story.refused(ReviewAppClosed(production="shop", number=8, at=1)) == "review-apps-off"


def test_without_its_pipeline_a_review_app_still_goes() -> None:
    story = with_reviews(expires=3_600)
    pull_request(story, id="g1")
    story.say(PipelineRemoved(production="shop"))
    assert one(AppDestroyed, story.wait(3_601)).app == "shop-pr-7"


def test_one_that_was_destroyed_by_hand_comes_back_with_the_next_push() -> None:
    story = with_reviews(expires=3_600)
    pull_request(story, id="g1")
    story.say(AppDestroyed(app="shop-pr-7"))
    assert not of(ReviewAppExpired, story.wait(3_601))
    assert one(AppCloned, pull_request(story, id="g2", at=2)).app == "shop-pr-7"


def test_pull_requests_from_forks_are_refused_unless_they_are_allowed() -> None:
    assert with_reviews().refused(opened(id="g1", fork=True), id="g1") == "fork-not-allowed"
    assert pull_request(with_reviews(forks=True), id="g1", fork=True)


def test_the_stack_of_review_apps_is_not_removed_while_they_are_made_there() -> None:
    story = with_reviews()
    assert story.refused(StackRemoved(stack="review-1")) == "stack-in-use"
    story.say(ReviewAppsDisabled(production="shop"))
    assert story.say(StackRemoved(stack="review-1"))


def test_an_app_of_the_same_name_that_is_no_review_app_is_left_alone() -> None:
    story = with_reviews()
    story.app("shop-pr-7", "eu-1")
    assert story.refused(opened(id="g1"), id="g1") == "app-exists"
    closed(story)
    assert "shop-pr-7" in story.team.apps


def test_a_review_app_can_be_no_stage() -> None:
    story = with_reviews()
    pull_request(story, id="g1")
    assert story.refused(StagingAdded(production="shop", staging="shop-pr-7")) == "review-app"


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (enabling(stack="nowhere"), "stack-unknown"),
        (enabling(forks=True, secrets=True), "secrets-for-forks"),
        (ReviewAppsEnabled(production="blog", stack="eu-1", image="blog:{sha}"), "pipeline-unknown"),
        (ReviewAppsDisabled(production="shop"), "review-apps-off"),
    ],
)
def test_what_can_not_be_switched_on_or_off_is_refused(command: ReviewAppsEnabled, code: str) -> None:
    story = shop("eu-1")
    story.stacks("review-1")
    assert story.refused(command) == code


def test_an_app_whose_name_is_too_long_for_review_apps_is_refused() -> None:
    story = shop("eu-1")
    story.app("a" * 50, "eu-1")
    story.pipeline("a" * 50)
    wanted = ReviewAppsEnabled(production="a" * 50, stack="eu-1", image="shop:{sha}")
    assert story.refused(wanted) == "name-too-long"
