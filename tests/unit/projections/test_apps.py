"""What is shown of apps, stacks, releases and pipelines."""

from __future__ import annotations

from tests.bench.histories import Chronicle, promoted
from tests.unit.projections.asking import (
    ONE,
    SHORT,
    TWO,
    about,
    app_of,
    rollout_of,
)
from tests.unit.projections.house import House

from ownstack_contracts.apps import AppCreated, AppDestroyed, AppSettingsChanged
from ownstack_contracts.jobs import Live, StackLookRequested
from ownstack_contracts.names import digest_of
from ownstack_contracts.pipelines import StagingAdded
from ownstack_contracts.reports import StackLookFailed, StackObserved
from ownstack_contracts.rollouts import DeployRequested
from ownstack_contracts.stacks import StackAdded, StackRemoved
from ownstack_contracts.teams import TeamCreated


async def test_an_app_says_in_a_line_what_is_deployed(house: House, chronicle: Chronicle) -> None:
    promoted(chronicle, 1)
    await house.take(chronicle.records)
    app = await app_of(house)
    assert app.summary == f"shop — deployed v1 {SHORT}"
    assert app.current_release == 1
    assert app.pipeline == "shop"
    assert app.rollout is None
    assert [stack.stack for stack in app.stacks] == ["eu-1", "eu-2", "eu-3"]
    assert {stack.summary for stack in app.stacks} == {f"deployed v1 {SHORT}"}
    live = app.stacks[0].live
    assert live is not None
    assert (live.image, live.digest, live.deployment, live.generation) == (ONE, digest_of(ONE), "promote-1.eu-1", 1)


async def test_an_app_says_where_its_stacks_differ(house: House, chronicle: Chronicle) -> None:
    promoted(chronicle, 1)
    chronicle.play(chronicle.say(DeployRequested(app="shop", image=TWO, stacks=("eu-2",))))
    await house.take(chronicle.records)
    app = await app_of(house)
    assert app.current_release is None
    assert app.summary == (
        f"shop — deployed v1 {SHORT} on eu-1, eu-3; deployed v2 {digest_of(TWO).partition(':')[2][:7]} on eu-2"
    )


async def test_before_anybody_looked_it_is_unknown_what_is_live_and_then_that_nothing_is(house: House) -> None:
    chronicle = Chronicle()
    chronicle.say(TeamCreated())
    chronicle.say(StackAdded(stack="eu-1", driver="program", address="/bin/deploy", settings={"port": "1"}))
    looks = chronicle.say(AppCreated(app="shop", stacks=("eu-1",)))
    await house.take(chronicle.records)
    assert (await app_of(house)).summary == "shop — unknown"
    chronicle.play(looks)
    await house.take(chronicle.records)
    assert (await app_of(house)).summary == "shop — nothing deployed"
    stack = await house.readmodel.stack("acme", "eu-1")
    assert stack is not None
    assert stack.model_dump(exclude={"added_at"}) == {
        "name": "eu-1",
        "driver": "program",
        "address": "/bin/deploy",
        "settings": {"port": "1"},
        "check": None,
        "apps": ["shop"],
    }


async def test_what_was_live_before_us_is_a_release_that_was_found(house: House, chronicle: Chronicle) -> None:
    looks = chronicle.say(AppCreated(app="docs", stacks=("eu-1", "eu-2")))
    for look in looks:
        if isinstance(look, StackLookRequested):
            chronicle.say(StackObserved(**about(look, chronicle.claim(look)), live=Live(image=ONE)))
    await house.take(chronicle.records)
    app = await app_of(house, "docs")
    assert app.summary == f"docs — deployed v1 {SHORT}"
    page = await house.readmodel.releases("acme", "docs")
    assert page is not None
    (release,) = page.items
    assert (release.number, release.origin, release.image, release.live_on) == (1, "found", ONE, ["eu-1", "eu-2"])


async def test_a_look_that_failed_says_why_and_one_that_succeeds_takes_that_back(
    house: House, chronicle: Chronicle
) -> None:
    (look,) = (f for f in chronicle.say(AppCreated(app="docs", stacks=("eu-1",))) if isinstance(f, StackLookRequested))
    chronicle.say(StackLookFailed(**about(look, chronicle.claim(look)), code="unreachable", message="No answer."))
    await house.take(chronicle.records)
    (stack,) = (await app_of(house, "docs")).stacks
    assert (stack.status, stack.code, stack.message) == ("unknown", "unreachable", "No answer.")
    chronicle.play(chronicle.wait(120))
    await house.take(chronicle.records)
    (stack,) = (await app_of(house, "docs")).stacks
    assert (stack.status, stack.code, stack.message) == ("nothing", None, None)


async def test_a_look_that_was_asked_for_before_a_deployment_does_not_override_it(
    house: House, chronicle: Chronicle
) -> None:
    (look,) = (f for f in chronicle.say(AppCreated(app="docs", stacks=("eu-1",))) if isinstance(f, StackLookRequested))
    chronicle.play(chronicle.say(DeployRequested(app="docs", image=TWO)))
    chronicle.say(StackObserved(**about(look, chronicle.claim(look)), live=Live(image=ONE)))
    await house.take(chronicle.records)
    (stack,) = (await app_of(house, "docs")).stacks
    assert stack.live is not None
    assert stack.live.image == TWO


async def test_settings_change_one_by_one(house: House, chronicle: Chronicle) -> None:
    chronicle.say(AppSettingsChanged(app="shop", postdeploy="each-stack", waiting_deadline=5))
    chronicle.say(AppSettingsChanged(app="shop", retag=False, retag_to="registry.example/released"))
    await house.take(chronicle.records)
    settings = (await app_of(house)).settings
    assert settings.model_dump() == {
        "release_task": "each-stack",
        "postdeploy": "each-stack",
        "waiting_deadline": 5,
        "running_deadline": 1_800,
        "retag": False,
        "retag_to": "registry.example/released",
    }
    chronicle.say(AppSettingsChanged(app="shop", retag=True, retag_to=""))
    await house.take(chronicle.records)
    settings = (await app_of(house)).settings
    assert (settings.retag, settings.retag_to, settings.waiting_deadline) == (True, None, 5)


async def test_a_destroyed_app_is_gone_with_its_stacks_and_a_new_one_begins_anew(
    house: House, chronicle: Chronicle
) -> None:
    chronicle.play(chronicle.say(AppCreated(app="pr-12", stacks=("eu-1",))))
    chronicle.play(chronicle.say(DeployRequested(app="pr-12", image=ONE), id="first"))
    await house.take(chronicle.records)
    chronicle.play(chronicle.say(AppDestroyed(app="pr-12")))
    await house.take(chronicle.records)
    assert await house.readmodel.app("acme", "pr-12") is None
    assert await house.readmodel.releases("acme", "pr-12") is None
    assert await house.readmodel.deployments("acme", "pr-12") is None
    stack = await house.readmodel.stack("acme", "eu-1")
    assert stack is not None
    assert stack.apps == ["shop"]
    chronicle.play(chronicle.say(AppCreated(app="pr-12", stacks=("eu-1",))))
    await house.take(chronicle.records)
    releases = await house.readmodel.releases("acme", "pr-12")
    assert releases is not None
    assert releases.items == []
    assert (await rollout_of(house, "first")).status == "succeeded"


async def test_a_forgotten_stack_is_gone_from_its_apps(house: House, chronicle: Chronicle) -> None:
    chronicle.say(StackRemoved(stack="eu-2", forget=True))
    await house.take(chronicle.records)
    assert [stack.stack for stack in (await app_of(house)).stacks] == ["eu-1", "eu-3"]
    assert await house.readmodel.stack("acme", "eu-2") is None


async def test_a_pipeline_shows_what_each_stage_runs(house: House, chronicle: Chronicle) -> None:
    chronicle.play(chronicle.say(AppCreated(app="shop-qa", stacks=("staging-1",))))
    chronicle.say(StagingAdded(production="shop", staging="shop-qa", before="shop-staging"))
    promoted(chronicle, 1)
    await house.take(chronicle.records)
    pipeline = await house.readmodel.pipeline("acme", "shop")
    assert pipeline is not None
    assert [(stage.app, stage.position, stage.production) for stage in pipeline.stages] == [
        ("shop-qa", 0, False),
        ("shop-staging", 1, False),
        ("shop", 2, True),
    ]
    qa, staging, shop = pipeline.stages
    assert (qa.summary, qa.promotion) == ("shop-qa — nothing deployed", None)
    assert (staging.summary, staging.current_release) == (f"shop-staging — deployed v1 {SHORT}", 1)
    assert (shop.summary, shop.promotion) == (f"shop — deployed v1 {SHORT}", "promote-1")
