"""Clones: like their source in settings and in what was copied of its config, and apps of their own in all else."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.promoter.story import A, B, Story, names, one, sealed, shop

from ownstack_contracts.apps import AppDestroyed, AppSettingsChanged
from ownstack_contracts.config import ConfigErased, ConfigSet
from ownstack_contracts.jobs import StackDeployRequested, StackLookRequested
from ownstack_contracts.reviews import AppCloned, clone_id
from ownstack_contracts.rollouts import DeployRequested, DeploySucceeded
from ownstack_contracts.stacks import StackAdded


def cloning(name: str = "pr-7", *, command: str = "n1", **fields: Any) -> AppCloned:
    """A clone of the production app on the stack for reviews."""
    wanted: dict[str, Any] = {"source": "shop", "stack": "review-1", **fields}
    return AppCloned(app=name, app_id=clone_id(name, command), **wanted)


def live_shop() -> Story:
    """A production app that runs image A, and a stack for reviews."""
    story = shop("eu-1", "us-1")
    story.stacks("review-1")
    story.finish(story.promote("shop-staging"))
    return story


def test_a_clone_has_the_settings_and_the_variables_that_were_copied() -> None:
    story = live_shop()
    story.say(AppSettingsChanged(app="shop", running_deadline=77, postdeploy="each-stack"))
    facts = story.say(cloning(values={"A": sealed("1")}), id="n1")
    assert names(facts) == ["AppCloned", "StackLookRequested"]
    app = story.team.apps["pr-7"]
    assert (app.settings.running_deadline, app.settings.postdeploy, list(app.stacks)) == (
        77,
        "each-stack",
        ["review-1"],
    )
    assert set(app.config.shared) == {"A"}
    story.say(AppSettingsChanged(app="pr-7", running_deadline=88))
    assert story.team.apps["shop"].settings.running_deadline == 77


def test_a_clone_is_deployed_with_the_image_that_its_source_runs() -> None:
    story = live_shop()
    facts = story.say(cloning(values={"A": sealed("1")}, deploy=True), id="n1")
    look, asked = one(StackLookRequested, facts), one(StackDeployRequested, facts)
    assert (asked.app, asked.app_id, asked.image) == ("pr-7", clone_id("pr-7", "n1"), A)
    assert [entry.name for entry in asked.config] == ["A"]
    story.answer_look(look, None)
    assert one(DeploySucceeded, story.finish([asked])).rollout == "n1"
    assert story.team.current_release(story.team.apps["pr-7"]) == 1


def test_a_clone_goes_like_any_app_and_its_config_with_it() -> None:
    story = live_shop()
    story.say(cloning(), id="n1")
    assert one(ConfigErased, story.say(AppDestroyed(app="pr-7"))).app_id == clone_id("pr-7", "n1")
    story.say(cloning(command="n2"), id="n2")
    assert story.team.apps["pr-7"].id == clone_id("pr-7", "n2")


def test_a_clone_on_dokku_lets_its_stack_run_the_release_task() -> None:
    story = live_shop()
    story.say(StackAdded(stack="d-1", driver="dokku", address="dokku@203.0.113.7:22"))
    story.say(AppSettingsChanged(app="shop", release_task="first-stack"))
    story.say(cloning(stack="d-1"), id="n1")
    assert story.team.apps["pr-7"].settings.release_task == "each-stack"


def test_a_change_of_config_of_a_clone_is_its_own() -> None:
    story = live_shop()
    story.finish(story.say(cloning(values={"A": sealed("1")}, deploy=True), id="n1"))
    changed = ConfigSet(app="pr-7", app_id=clone_id("pr-7", "n1"), values={"A": sealed("2")})
    assert one(StackDeployRequested, story.say(changed)).app == "pr-7"
    assert story.team.apps["shop"].config.shared == {}


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"name": "shop"}, "app-exists"),
        ({"source": "blog"}, "app-unknown"),
        ({"stack": "nowhere"}, "stack-unknown"),
        ({"command": "another"}, "app-id-invalid"),
        ({"source": "empty", "deploy": True}, "nothing-to-clone"),
        ({"source": "nowhere-yet", "deploy": True}, "app-without-stacks"),
    ],
)
def test_what_can_not_be_cloned_is_refused(fields: dict[str, Any], code: str) -> None:
    story = live_shop()
    story.app("empty", "eu-1")
    story.app("nowhere-yet")
    assert story.refused(cloning(**fields), id="n1") == code


def test_the_image_is_asked_for_and_not_the_config_that_its_stacks_have() -> None:
    story = live_shop()
    app_id = story.team.apps["shop"].id
    story.say(ConfigSet(app="shop", app_id=app_id, values={"B": sealed("1")}, deploy=False))
    story.finish(story.say(ConfigSet(app="shop", app_id=app_id, stack="us-1", values={"A": sealed("1")})))
    assert story.team.current_release(story.team.apps["shop"]) is None
    assert one(StackDeployRequested, story.say(cloning(deploy=True), id="n1")).image == A


def test_a_source_whose_stacks_run_two_images_has_none_to_clone() -> None:
    story = live_shop()
    story.finish(story.say(DeployRequested(app="shop", image=B, stacks=("eu-1",))))
    assert story.refused(cloning(deploy=True), id="n1") == "nothing-to-clone"
    assert names(story.say(cloning(), id="n1")) == ["AppCloned", "StackLookRequested"]
