"""What is shown of clones and review apps."""

from __future__ import annotations

import pytest
from tests.bench.histories import Chronicle
from tests.unit.projections.asking import ONE, app_of, command_of, config_of, rollout_of, sealed
from tests.unit.projections.house import House

from ownstack_contracts.apps import AppDestroyed, AppSettingsChanged
from ownstack_contracts.message import Message
from ownstack_contracts.pipelines import PipelineCreated, PipelineRemoved
from ownstack_contracts.reviews import (
    AppCloned,
    ReviewAppClosed,
    ReviewAppOpened,
    ReviewAppsDisabled,
    ReviewAppsEnabled,
    clone_id,
    review_app,
)
from ownstack_contracts.rollouts import DeployRequested
from ownstack_contracts.stacks import StackAdded
from ownstack_readmodel.views import PipelineView, ReviewAppView

SHA, LATER = "a" * 40, "b" * 40
TEMPLATE = "registry.example/shop:pr-{number}-{short_sha}"
DAY = 86_400
ENABLED = ReviewAppsEnabled(production="shop", stack="staging-1", image=TEMPLATE, expires=DAY)


def cloned(app: str, command: str, **more: object) -> AppCloned:
    return AppCloned.model_validate(
        {"source": "shop", "app": app, "app_id": clone_id(app, command), "stack": "eu-1", **more}
    )


def opened(chronicle: Chronicle, command: str, sha: str = SHA, number: int = 7) -> list[Message]:
    """A pull request is as it is now."""
    app_id = clone_id(review_app("shop", number), command)
    values = {"URL": sealed(command)}
    message = ReviewAppOpened(production="shop", number=number, sha=sha, at=chronicle.now, app_id=app_id, values=values)
    return chronicle.say(message, id=command)


async def pipeline_of(house: House) -> PipelineView:
    view = await house.readmodel.pipeline("acme", "shop")
    assert view is not None
    return view


async def review_of(house: House) -> ReviewAppView | None:
    return (await app_of(house, "shop-pr-7")).review


async def test_a_clone_has_the_settings_of_its_source_and_says_whose_clone_it_is(
    house: House, chronicle: Chronicle
) -> None:
    chronicle.say(
        AppSettingsChanged(
            app="shop",
            release_task="first-stack",
            postdeploy="each-stack",
            waiting_deadline=5,
            running_deadline=6,
            retag=False,
            retag_to="registry.example/released",
        )
    )
    chronicle.say(cloned("copy", "clone"), id="clone")
    await house.take(chronicle.records)
    source, clone = await app_of(house), await app_of(house, "copy")
    assert clone.settings == source.settings
    assert clone.settings.retag is False
    assert (clone.id, clone.created_at, clone.cloned_from) == (clone_id("copy", "clone"), chronicle.now, "shop")
    assert ([stack.stack for stack in clone.stacks], clone.pipeline, clone.review) == (["eu-1"], None, None)
    assert source.cloned_from is None
    chronicle.say(AppSettingsChanged(app="shop", waiting_deadline=50))
    await house.take(chronicle.records)
    assert (await app_of(house, "copy")).settings.waiting_deadline == 5


async def test_a_clone_does_not_run_the_release_task_on_its_first_stack_where_that_runs_it_itself(
    house: House, chronicle: Chronicle
) -> None:
    chronicle.say(AppSettingsChanged(app="shop", release_task="first-stack"))
    chronicle.say(StackAdded(stack="dokku-1", driver="dokku", address="dokku@203.0.113.7:22"))
    chronicle.say(cloned("copy", "clone", stack="dokku-1"), id="clone")
    await house.take(chronicle.records)
    assert (await app_of(house, "copy")).settings.release_task == "each-stack"


async def test_a_clone_that_is_deployed_runs_what_its_source_runs(house: House, chronicle: Chronicle) -> None:
    chronicle.play(chronicle.say(DeployRequested(app="shop", image=ONE)))
    chronicle.play(chronicle.say(cloned("copy", "clone", deploy=True), id="clone"))
    await house.take(chronicle.records)
    assert (await rollout_of(house, "clone")).image == ONE
    assert (await app_of(house, "copy")).current_release == 1
    assert (await command_of(house, "clone")).rollout == "clone"


async def test_a_pipeline_says_whether_pull_requests_get_review_apps(house: House, chronicle: Chronicle) -> None:
    await house.take(chronicle.records)
    assert (await pipeline_of(house)).review_apps is None
    chronicle.say(ENABLED.model_copy(update={"forks": True}))
    await house.take(chronicle.records)
    view = (await pipeline_of(house)).review_apps
    assert view is not None
    assert view.model_dump() == {
        "stack": "staging-1",
        "image": TEMPLATE,
        "expires": DAY,
        "forks": True,
        "secrets": False,
    }
    chronicle.say(ReviewAppsEnabled(production="shop", stack="eu-1", image=TEMPLATE, secrets=True))
    await house.take(chronicle.records)
    view = (await pipeline_of(house)).review_apps
    assert view is not None
    assert (view.stack, view.expires, view.forks, view.secrets) == ("eu-1", None, False, True)
    chronicle.say(ReviewAppsDisabled(production="shop"))
    await house.take(chronicle.records)
    assert (await pipeline_of(house)).review_apps is None


async def test_a_pipeline_that_is_made_anew_has_no_review_apps(house: House, chronicle: Chronicle) -> None:
    chronicle.say(ENABLED)
    chronicle.say(PipelineRemoved(production="shop"))
    chronicle.say(PipelineCreated(production="shop"))
    await house.take(chronicle.records)
    assert (await pipeline_of(house)).review_apps is None


async def test_a_review_app_says_for_which_pull_request_it_is_and_until_when(
    house: House, chronicle: Chronicle
) -> None:
    chronicle.say(ENABLED)
    chronicle.play(opened(chronicle, "pr-1"))
    await house.take(chronicle.records)
    app = await app_of(house, "shop-pr-7")
    assert (app.cloned_from, app.id) == ("shop", clone_id("shop-pr-7", "pr-1"))
    assert app.review is not None
    assert (app.review.production, app.review.number, app.review.sha) == ("shop", 7, SHA)
    assert app.review.closing is False
    first = app.review.expires_at
    assert first is not None
    assert [v.fingerprint for v in (await config_of(house, "shop-pr-7")).variables] == [sealed("pr-1").fingerprint]
    rollout = await rollout_of(house, "pr-1")
    assert (rollout.reference, rollout.status) == ("registry.example/shop:pr-7-aaaaaaa", "succeeded")
    chronicle.wait(60)
    chronicle.play(opened(chronicle, "pr-2", LATER))
    await house.take(chronicle.records)
    again = await app_of(house, "shop-pr-7")
    assert again.id == app.id
    assert again.review is not None
    assert (again.review.sha, (again.review.expires_at or 0) > first) == (LATER, True)
    assert [v.fingerprint for v in (await config_of(house, "shop-pr-7")).variables] == [sealed("pr-1").fingerprint]


async def test_the_command_that_makes_a_review_app_stays_what_it_was(house: House, chronicle: Chronicle) -> None:
    """What follows from it, a clone, is a fact that may be a command as well."""
    chronicle.say(ENABLED)
    sequence = chronicle.team.sequence + 1
    opened(chronicle, "pr-1")
    await house.take(chronicle.records, batch=1)
    command = await command_of(house, "pr-1")
    assert (command.type, command.sequence, command.rollout) == ("ReviewAppOpened", sequence, "pr-1")


@pytest.mark.parametrize("how", ["closed", "expired"])
async def test_a_review_app_whose_image_is_not_there_yet_goes_at_once(
    house: House, chronicle: Chronicle, how: str
) -> None:
    chronicle.say(ENABLED)
    opened(chronicle, "pr-1")
    if how == "closed":
        chronicle.say(ReviewAppClosed(production="shop", number=7, at=chronicle.now), id="close")
    else:
        chronicle.wait(DAY)
    await house.take(chronicle.records)
    assert await house.readmodel.app("acme", "shop-pr-7") is None
    assert (await rollout_of(house, "pr-1")).ended_at is not None
    if how == "closed":
        assert (await command_of(house, "close")).type == "ReviewAppClosed"


@pytest.mark.parametrize("how", ["closed", "expired"])
async def test_a_review_app_with_a_deployment_under_way_is_closing(
    house: House, chronicle: Chronicle, how: str
) -> None:
    chronicle.say(ENABLED.model_copy(update={"expires": 60}))
    begun = [fact for fact in opened(chronicle, "pr-1") if type(fact).__name__ == "ImageResolveRequested"]
    started = chronicle.ask_registry(begun[0])  # type: ignore[arg-type]  # it is such a request
    assert (await _taken(house, chronicle)).closing is False
    if how == "closed":
        chronicle.say(ReviewAppClosed(production="shop", number=7, at=chronicle.now))
    else:
        chronicle.wait(61)
    assert (await _taken(house, chronicle)).closing is True
    chronicle.play(started)
    chronicle.wait(1)
    await house.take(chronicle.records)
    assert await house.readmodel.app("acme", "shop-pr-7") is None
    assert await house.readmodel.config("acme", "shop-pr-7") is None


async def _taken(house: House, chronicle: Chronicle) -> ReviewAppView:
    await house.take(chronicle.records)
    review = await review_of(house)
    assert review is not None
    return review


async def test_the_history_of_an_app_has_what_is_said_of_its_clones_and_review_apps(
    house: House, chronicle: Chronicle
) -> None:
    chronicle.say(ENABLED.model_copy(update={"expires": 60}))
    chronicle.play(opened(chronicle, "pr-1"))
    chronicle.play(chronicle.wait(61))
    chronicle.play(opened(chronicle, "pr-2", number=8))
    chronicle.say(ReviewAppClosed(production="shop", number=8, at=chronicle.now))
    chronicle.say(cloned("copy", "clone"), id="clone")
    chronicle.say(AppDestroyed(app="copy"))
    chronicle.say(ReviewAppsDisabled(production="shop"))
    await house.take(chronicle.records)
    page = await house.readmodel.history("acme", 200, app="shop")
    every = {"AppCloned", "ReviewAppOpened", "ReviewAppUpdated", "ReviewAppExpired", "ReviewAppClosed"}
    assert every | {"ReviewAppsEnabled", "ReviewAppsDisabled"} <= {fact.type for fact in page.items}
    seven = {fact.type for fact in (await house.readmodel.history("acme", 200, app="shop-pr-7")).items}
    eight = {fact.type for fact in (await house.readmodel.history("acme", 200, app="shop-pr-8")).items}
    assert (seven | eight) >= every
    assert "ReviewAppExpired" in seven - eight
    assert "ReviewAppClosed" in eight - seven
    copy = {fact.type for fact in (await house.readmodel.history("acme", 200, app="copy")).items}
    assert {"AppCloned", "AppDestroyed", "ConfigErased"} <= copy


async def test_a_rejected_clone_is_in_the_history_of_both(house: House, chronicle: Chronicle) -> None:
    chronicle.say(cloned("copy", "other"), id="clone")
    await house.take(chronicle.records)
    for app in ("shop", "copy"):
        page = await house.readmodel.history("acme", 1, app=app)
        assert [fact.type for fact in page.items] == ["CommandRejected"]
