"""Looks: teams start with running apps, and a late sight never overrides a deployment."""

from __future__ import annotations

from tests.unit.promoter.story import A, B, Story, names, of, one, report

from ownstack_contracts.apps import AppCreated, ReleaseCreated
from ownstack_contracts.jobs import Live, StackLookRequested
from ownstack_contracts.reports import StackLookFailed
from ownstack_contracts.rollouts import DeployRequested


def _looking() -> tuple[Story, StackLookRequested]:
    story = Story()
    story.stacks("eu-1")
    return story, one(StackLookRequested, story.say(AppCreated(app="shop", stacks=("eu-1",))))


def test_what_runs_already_becomes_a_release_found() -> None:
    story, look = _looking()
    release = one(ReleaseCreated, story.answer_look(look, Live(image=A)))
    assert (release.release, release.origin, release.image) == (1, "found", A)
    assert story.team.current_release(story.team.apps["shop"]) == 1


def test_the_same_image_on_two_stacks_is_found_as_one_release_and_can_be_promoted() -> None:
    story = Story()
    story.stacks("s-1", "s-2")
    first, second = of(StackLookRequested, story.say(AppCreated(app="staging", stacks=("s-1", "s-2"))))
    story.answer_look(first, Live(image=A))
    assert not of(ReleaseCreated, story.answer_look(second, Live(image=A)))
    story.app("shop", "eu-1")
    story.pipeline("staging", "shop")
    assert "StackDeployRequested" in names(story.promote("staging"))


def test_a_stack_that_cannot_be_looked_at_is_looked_at_again_later_and_later() -> None:
    story, look = _looking()
    waits = []
    for _ in range(3):
        failed = StackLookFailed(**report(look, story.claim(look)), code="unreachable", message="no route")
        again_at = one(StackLookFailed, story.say(failed)).again_at
        assert again_at is not None
        waits.append((again_at - story.now) // 1_000)
        look = one(StackLookRequested, story.wait(waits[-1]))
    assert waits == [60, 120, 240]
    assert one(ReleaseCreated, story.answer_look(look, Live(image=A))).origin == "found"


def test_a_late_sight_never_overrides_a_deployment() -> None:
    story, look = _looking()
    story.deployed("shop", B)
    assert names(story.answer_look(look, Live(image=A))) == ["StackObserved"]
    assert story.team.apps["shop"].live["eu-1"].image == B


def test_an_observed_generation_is_never_gone_below() -> None:
    story, look = _looking()
    story.answer_look(look, Live(image=A, generation=41, deployment="old", release=3, team="acme", app_id="shop.1"))
    facts = story.say(DeployRequested(app="shop", image=B))
    assert facts[-1].generation == 42  # type: ignore[attr-defined]


def test_what_belongs_to_another_team_is_not_ours() -> None:
    story, look = _looking()
    assert names(story.answer_look(look, Live(image=A, team="rivals", generation=2))) == ["StackObserved"]
    assert story.team.apps["shop"].live == {}
