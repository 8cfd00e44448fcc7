"""Config: scopes, releases with a fingerprint each, and what a stack is told of it."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.promoter.story import A, B, Story, names, of, one, sealed, shop

from ownstack_contracts.apps import NO_CONFIG, AppDestroyed, AppSettingsChanged, AppStackRemoved, ReleaseCreated
from ownstack_contracts.config import MOST_VARIABLES, ConfigErased, ConfigSet, ConfigValue
from ownstack_contracts.jobs import PostdeployRequested, StackDeployRequested, StackRunRequested
from ownstack_contracts.message import Message
from ownstack_contracts.outcomes import StackDeployUnchanged
from ownstack_contracts.promotions import PromotionCancelRequested, PromotionOpened, PromotionSucceeded
from ownstack_contracts.rollouts import (
    DeployFailed,
    DeployOpened,
    DeployRequested,
    DeploySucceeded,
    RollbackRequested,
    RolloutQueued,
    RolloutStarted,
    RunRequested,
    StackRetryRequested,
)
from ownstack_promoter import variables as variables_module


def setting(story: Story, app: str = "shop", **fields: Any) -> ConfigSet:
    """A change of the config of an app; values are given plainly."""
    values = {name: sealed(value) for name, value in fields.pop("values", {}).items()}
    return ConfigSet(app=app, app_id=story.team.apps[app].id, values=values, **fields)


def live_shop(*stacks: str) -> Story:
    """A production app that runs image A on its stacks."""
    story = shop(*(stacks or ("eu-1", "us-1")))
    story.finish(story.promote("shop-staging"))
    return story


def variables(request: StackDeployRequested) -> dict[str, str]:
    """What a stack is told, by name; the sealed values as they came."""
    return {entry.name: entry.sealed for entry in request.config}


def test_a_change_of_config_releases_what_is_live_with_a_new_fingerprint() -> None:
    story = live_shop()
    facts = story.say(setting(story, values={"GREETING": "hello"}), id="s1")
    assert names(facts)[:4] == ["ConfigSet", "DeployOpened", "ReleaseCreated", "RolloutStarted"]
    release = one(ReleaseCreated, facts)
    assert (release.release, release.image, release.origin) == (2, A, "config")
    assert release.config_fingerprint not in (NO_CONFIG, "")
    asked = of(StackDeployRequested, facts)
    assert [request.stack for request in asked] == ["eu-1", "us-1"]
    assert {name for request in asked for name in variables(request)} == {"GREETING"}
    assert {request.config_fingerprint for request in asked} == {release.config_fingerprint}
    ended = story.finish(asked)
    assert one(DeploySucceeded, ended).release == 2
    assert not of(PostdeployRequested, ended), "nothing was promoted"


def test_each_change_has_a_fingerprint_of_its_own_and_going_back_has_the_old_one() -> None:
    story = live_shop("eu-1")
    prints = []
    for value in ("one", "two", "one"):
        facts = story.finish(story.say(setting(story, values={"A": value})))
        prints.append(one(ReleaseCreated, facts).config_fingerprint)
    assert prints[0] == prints[2] != prints[1]


def test_the_same_values_again_are_admitted_and_release_nothing() -> None:
    story = live_shop("eu-1")
    story.finish(story.say(setting(story, values={"A": "1"})))
    assert names(story.say(setting(story, values={"A": "1"}))) == ["ConfigSet"]


def test_what_is_kept_for_the_next_release_comes_with_it() -> None:
    story = live_shop("eu-1")
    assert names(story.say(setting(story, values={"A": "1"}, deploy=False))) == ["ConfigSet"]
    (request,) = of(StackDeployRequested, story.say(DeployRequested(app="shop", image=B)))
    assert set(variables(request)) == {"A"}


def test_a_change_that_was_kept_is_released_with_the_next_change() -> None:
    story = live_shop("eu-1", "us-1")
    story.say(setting(story, values={"A": "1"}, deploy=False))
    on_one = one(StackDeployRequested, story.say(setting(story, stack="us-1", values={"B": "1"})))
    assert (on_one.stack, set(variables(on_one))) == ("us-1", {"A", "B"})
    story.finish([on_one])
    facts = story.say(setting(story, values={"C": "1"}))
    assert [set(variables(request)) for request in of(StackDeployRequested, facts)] == [{"A", "C"}, {"A", "B", "C"}]


def test_nothing_is_released_where_nothing_runs() -> None:
    story = Story()
    story.app("shop", "eu-1")
    assert names(story.say(setting(story, values={"A": "1"}))) == ["ConfigSet"]


def test_a_value_of_a_stack_goes_before_that_of_the_app_and_concerns_that_stack_alone() -> None:
    story = live_shop("eu-1", "us-1")
    story.finish(story.say(setting(story, values={"REGION": "none", "A": "1"})))
    facts = story.say(setting(story, stack="us-1", values={"REGION": "us"}))
    request = one(StackDeployRequested, facts)
    assert request.stack == "us-1"
    assert [(entry.name, entry.stack) for entry in request.config] == [("A", None), ("REGION", "us-1")]
    assert one(ReleaseCreated, facts).config_fingerprint != request.config_fingerprint
    story.finish([request])
    redeployed = of(StackDeployRequested, story.say(DeployRequested(app="shop", image=B)))
    assert [variables(r)["REGION"] for r in redeployed] == [sealed("none").sealed, sealed("us").sealed]


def test_what_is_unset_is_taken_from_the_stacks_and_nothing_else_is() -> None:
    story = live_shop("eu-1")
    story.finish(story.say(setting(story, values={"A": "1", "B": "2"})))
    request = one(StackDeployRequested, story.say(setting(story, unset=("A",))))
    assert (set(variables(request)), request.config_unset) == ({"B"}, ("A",))
    story.finish([request])
    later = one(StackDeployRequested, story.say(DeployRequested(app="shop", image=B)))
    assert later.config_unset == ("A",), "a stack that has missed a release may still have it"


def test_to_prune_leaves_only_what_is_given_in_that_scope() -> None:
    story = live_shop("eu-1")
    story.finish(story.say(setting(story, values={"A": "1", "B": "2"})))
    story.finish(story.say(setting(story, stack="eu-1", values={"C": "3"})))
    request = one(StackDeployRequested, story.say(setting(story, values={"D": "4"}, prune=True)))
    assert set(variables(request)) == {"C", "D"}
    assert request.config_unset == ("A", "B")


def test_values_for_review_apps_release_nothing_and_are_told_to_no_stack() -> None:
    story = live_shop("eu-1")
    assert names(story.say(setting(story, review=True, values={"A": "1"}))) == ["ConfigSet"]
    (request,) = of(StackDeployRequested, story.say(DeployRequested(app="shop", image=B)))
    assert request.config == ()
    assert request.config_fingerprint == NO_CONFIG


def test_a_promotion_never_copies_config() -> None:
    story = shop("eu-1")
    story.finish(story.say(setting(story, "shop-staging", values={"STAGE": "staging"})))
    story.say(setting(story, values={"STAGE": "production"}))
    facts = story.promote("shop-staging")
    assert one(PromotionOpened, facts).config_fingerprint == story.team.apps["shop"].config.fingerprint
    assert variables(one(StackDeployRequested, facts)) == {"STAGE": sealed("production").sealed}
    assert one(PromotionSucceeded, story.finish(of(StackDeployRequested, facts))).results[0].outcome == "succeeded"


def test_a_stack_holds_a_release_when_digest_and_its_own_config_match() -> None:
    story = live_shop("eu-1", "us-1")
    story.finish(story.say(setting(story, stack="us-1", values={"A": "1"})))
    facts = story.say(DeployRequested(app="shop", image=A))
    assert [fact.stack for fact in of(StackDeployUnchanged, facts)] == ["eu-1", "us-1"]
    story.say(setting(story, stack="us-1", values={"A": "2"}, deploy=False))
    facts = story.say(DeployRequested(app="shop", image=A))
    assert [fact.stack for fact in of(StackDeployUnchanged, facts)] == ["eu-1"]
    assert one(StackDeployRequested, facts).stack == "us-1"


def test_a_change_behind_a_rollout_waits_and_takes_the_image_that_is_live_by_then() -> None:
    story = live_shop("eu-1")
    (first,) = of(StackDeployRequested, story.say(DeployRequested(app="shop", image=B), id="d1"))
    facts = story.say(setting(story, values={"A": "1"}), id="s1")
    assert (one(DeployOpened, facts).image, one(RolloutQueued, facts).behind) == (None, "d1")
    assert first.config == (), "the config of a rollout is fixed at its start"
    ended = story.finish(story.succeed(first))
    started = one(RolloutStarted, ended)
    assert (started.rollout, started.image) == ("s1", B)
    assert story.team.apps["shop"].live["eu-1"].content == (B.partition("@")[2], started.config_fingerprint)


def test_a_change_is_taken_up_by_a_rollout_that_waits() -> None:
    story = live_shop("eu-1")
    (first,) = of(StackDeployRequested, story.say(DeployRequested(app="shop", image=B)))
    story.say(DeployRequested(app="shop", image=A), id="d2")
    assert names(story.say(setting(story, values={"A": "1"}))) == ["ConfigSet"]
    ended = story.finish(story.succeed(first))
    second = next(r for r in of(StackDeployRequested, ended) if r.rollout == "d2")
    assert set(variables(second)) == {"A"}


def test_a_change_is_not_left_to_a_promotion_that_waits_and_may_be_cancelled() -> None:
    story = live_shop("eu-1")
    (first,) = of(StackDeployRequested, story.say(DeployRequested(app="shop", image=B)))
    story.promote("shop-staging", id="p2")
    story.say(setting(story, values={"A": "1"}), id="s1")
    story.say(PromotionCancelRequested(promotion="p2"))
    ended = story.finish(story.succeed(first))
    assert set(variables(next(r for r in of(StackDeployRequested, ended) if r.rollout == "s1"))) == {"A"}


def test_a_change_that_waits_supersedes_no_image_and_an_image_supersedes_it() -> None:
    story = live_shop("eu-1", "us-1")
    story.say(DeployRequested(app="shop", image=B), id="d1")
    story.say(DeployRequested(app="shop", image=A, stacks=("eu-1",)), id="d2")
    story.say(setting(story, values={"A": "1"}), id="s1")
    assert story.team.apps["shop"].queue == ["d2", "s1"]
    story.say(DeployRequested(app="shop", image=A), id="d3")
    assert story.team.apps["shop"].queue == ["d3"]


def test_a_change_that_waited_fails_where_the_stacks_do_not_run_one_image() -> None:
    story = live_shop("eu-1", "us-1")
    eu, us = of(StackDeployRequested, story.say(DeployRequested(app="shop", image=B)))
    story.say(setting(story, values={"A": "1"}), id="s1")
    story.succeed(eu)
    facts = story.finish(story.fail(us))
    assert one(DeployFailed, facts).code == "release-mixed"
    assert story.team.apps["shop"].active is None


def test_a_change_is_refused_while_the_stacks_do_not_run_one_image_unless_it_is_kept() -> None:
    story = live_shop("eu-1", "us-1")
    story.finish(story.say(DeployRequested(app="shop", image=B, stacks=("eu-1",))))
    assert story.refused(setting(story, values={"A": "1"})) == "release-mixed"
    assert names(story.say(setting(story, values={"A": "1"}, deploy=False))) == ["ConfigSet"]
    assert one(StackDeployRequested, story.say(setting(story, stack="eu-1", values={"B": "1"}, deploy=True)))


def test_a_retry_has_the_config_of_its_rollout() -> None:
    story = live_shop("eu-1")
    story.say(setting(story, values={"A": "1"}, deploy=False))
    (request,) = of(StackDeployRequested, story.say(DeployRequested(app="shop", image=B)))
    story.finish(story.fail(request))
    story.say(setting(story, values={"A": "2"}, deploy=False))
    again = one(StackDeployRequested, story.say(StackRetryRequested(app="shop", stack="eu-1")))
    assert variables(again) == {"A": sealed("1").sealed}


def test_a_change_that_failed_is_retried_until_another_one_is_made() -> None:
    story = live_shop("eu-1")
    retry = StackRetryRequested(app="shop", stack="eu-1")
    story.finish(story.say(setting(story, values={"A": "1"})))
    story.finish(story.fail(one(StackDeployRequested, story.say(setting(story, values={"A": "2"})))))
    story.finish(story.fail(one(StackDeployRequested, story.say(retry))))
    assert names(story.say(setting(story, values={"A": "1"}))) == ["ConfigSet"], "it is live"
    assert story.refused(retry) == "retry-outdated"
    story.say(setting(story, values={"A": "2"}, deploy=False))
    again = one(StackDeployRequested, story.say(retry))
    assert variables(again) == {"A": sealed("2").sealed}


def test_a_roll_back_takes_the_older_image_and_the_config_of_today() -> None:
    story = live_shop("eu-1")
    story.finish(story.say(DeployRequested(app="shop", image=B)))
    story.finish(story.say(setting(story, values={"A": "1"})))
    facts = story.say(RollbackRequested(app="shop", acknowledge_migrations=True))
    request = one(StackDeployRequested, facts)
    assert (request.image, set(variables(request))) == (A, {"A"})


def test_changes_of_config_are_no_steps_of_a_roll_back() -> None:
    story = live_shop("eu-1")
    for image in (B, A):
        story.finish(story.say(DeployRequested(app="shop", image=image)))
    story.finish(story.say(RollbackRequested(app="shop", release=2, acknowledge_migrations=True)))
    story.finish(story.say(setting(story, values={"A": "1"})))
    facts = story.say(RollbackRequested(app="shop", acknowledge_migrations=True))
    assert one(DeployOpened, facts).rolled_back_to == 1, "back from 2, and not to what that was rolled back from"


def test_a_script_and_a_command_have_the_config_of_what_they_run_beside() -> None:
    story = live_shop("eu-1")
    story.say(AppSettingsChanged(app="shop", postdeploy="each-stack"))
    story.say(setting(story, values={"A": "1"}, deploy=False))
    (request,) = of(StackDeployRequested, story.say(DeployRequested(app="shop", image=B)))
    script = one(PostdeployRequested, story.succeed(request))
    assert [entry.name for entry in script.config] == ["A"]
    story.finish([script])
    story.say(setting(story, values={"B": "1"}, deploy=False))
    run = one(StackRunRequested, story.say(RunRequested(app="shop", stack="eu-1", command=("env",))))
    assert [entry.name for entry in run.config] == ["A"], "B is not live"


def test_the_values_of_a_stack_go_with_it() -> None:
    story = live_shop("eu-1", "us-1")
    story.finish(story.say(setting(story, stack="us-1", values={"A": "1"})))
    story.say(AppStackRemoved(app="shop", stack="us-1"))
    assert story.team.apps["shop"].config.fingerprint == NO_CONFIG


def test_destroying_an_app_erases_its_config_and_a_new_one_has_none() -> None:
    story = Story()
    story.app("shop", "eu-1")
    story.say(setting(story, values={"A": "1"}))
    first = story.team.apps["shop"].id
    assert one(ConfigErased, story.say(AppDestroyed(app="shop"))).app_id == first
    story.app("shop", "eu-1")
    assert story.team.apps["shop"].config.fingerprint == NO_CONFIG
    late = ConfigSet(app="shop", app_id=first, values={"A": sealed("1")})
    assert story.refused(late) == "app-recreated"


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({}, "nothing-to-change"),
        ({"unset": ("B",)}, "variable-unknown"),
        ({"unset": ("A",), "stack": "eu-1"}, "variable-unknown"),
        ({"unset": ("A",), "review": True}, "variable-unknown"),
        ({"unset": ("A",), "values": {"A": "2"}}, "variable-twice"),
        ({"values": {"A": "2"}, "stack": "ap-1"}, "stack-not-of-app"),
        ({"values": {f"A{n}": "1" for n in range(MOST_VARIABLES)}}, "config-too-large"),
    ],
)
def test_what_can_not_be_set_is_refused(fields: dict[str, Any], code: str) -> None:
    story = live_shop("eu-1", "us-1")
    story.stacks("ap-1")
    story.say(setting(story, values={"A": "1"}))
    assert story.refused(setting(story, **fields)) == code


def test_what_no_request_could_carry_is_refused() -> None:
    story = live_shop("eu-1")
    large = ConfigValue(sealed="v1." + "a" * 100_000, fingerprint="0" * 32)
    facts: list[Message] = story.say(ConfigSet(app="shop", app_id=story.team.apps["shop"].id, values={"A": large}))
    assert facts
    assert story.refused(ConfigSet(app="shop", app_id=story.team.apps["shop"].id, values={"B": large})) == (
        "config-too-large"
    )


def test_what_a_release_could_not_take_to_all_stacks_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(variables_module, "MOST_ROLLOUT_BYTES", 5 * 119_000)
    story = Story()
    story.app("shop", *(f"s-{number}" for number in range(5)))
    large = ConfigValue(sealed="v1." + "a" * 119_000, fingerprint="0" * 32)
    assert story.refused(ConfigSet(app="shop", app_id=story.team.apps["shop"].id, values={"A": large})) == (
        "config-too-large"
    )
    assert story.say(ConfigSet(app="shop", app_id=story.team.apps["shop"].id, stack="s-1", values={"A": large}))
