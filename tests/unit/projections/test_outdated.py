"""Where the config of an app is outdated, and what its changes and its clones are shown as."""

from __future__ import annotations

from tests.bench.histories import Chronicle, promoted
from tests.unit.projections.asking import (
    ONE,
    TWO,
    about,
    app_of,
    asked,
    config_of,
    config_set,
    outdated,
    rollout_of,
    sealed,
    stack_of,
    variables_of,
)
from tests.unit.projections.house import House
from tests.unit.projections.remembering import Remembering

from ownstack_contracts.config import ConfigSet
from ownstack_contracts.fingerprints import fingerprint_of
from ownstack_contracts.jobs import Live
from ownstack_contracts.reports import StackDeployFailed, StackDeploySucceeded
from ownstack_contracts.reviews import AppCloned, clone_id
from ownstack_contracts.rollouts import DeployRequested, RollbackRequested
from ownstack_readmodel.effective import effective_of, effective_on


async def test_a_config_that_waits_for_the_next_release_is_outdated_where_it_is_in_effect(
    house: House, chronicle: Chronicle
) -> None:
    promoted(chronicle, 1)
    chronicle.say(config_set(chronicle, "shop", URL="a").model_copy(update={"stack": "eu-2"}))
    await house.take(chronicle.records)
    assert await outdated(house) == ["eu-2"]
    assert (await app_of(house)).current_release == 1, "that is what is live, whatever comes next"
    stack = await stack_of(house, "eu-2")
    assert (stack.drift, stack.code, stack.summary) == (False, None, (await stack_of(house, "eu-1")).summary)
    chronicle.say(config_set(chronicle, "shop", KEY="a"))
    await house.take(chronicle.records)
    assert await outdated(house) == ["eu-1", "eu-2", "eu-3"]
    chronicle.play(chronicle.say(DeployRequested(app="shop", image=ONE)))
    await house.take(chronicle.records)
    assert await outdated(house) == []
    assert (await app_of(house)).current_release == 2
    chronicle.say(config_set(chronicle, "shop").model_copy(update={"unset": ("KEY",)}))
    await house.take(chronicle.records)
    assert await outdated(house) == ["eu-1", "eu-2", "eu-3"]


async def test_a_value_that_is_set_as_it_was_and_one_for_review_apps_outdate_nothing(
    house: House, chronicle: Chronicle
) -> None:
    chronicle.say(config_set(chronicle, "shop", URL="a"))
    promoted(chronicle, 1)
    chronicle.say(config_set(chronicle, "shop", URL="a"))
    chronicle.say(config_set(chronicle, "shop", URL="b").model_copy(update={"review": True}))
    chronicle.say(config_set(chronicle, "shop", URL="a").model_copy(update={"stack": "eu-1"}))
    await house.take(chronicle.records)
    assert await outdated(house) == []


async def test_a_change_of_config_is_a_release_of_what_is_live(house: House, chronicle: Chronicle) -> None:
    promoted(chronicle, 1)
    command = config_set(chronicle, "shop", URL="a").model_copy(update={"deploy": True})
    facts = chronicle.say(command, id="change")
    await house.take(chronicle.records)
    rollout = await rollout_of(house, "change")
    assert (rollout.config_change, rollout.kind, rollout.status, rollout.image) == (True, "deploy", "running", ONE)
    assert rollout.reference is None
    assert await outdated(house) == ["eu-1", "eu-2", "eu-3"]
    chronicle.play(facts)
    await house.take(chronicle.records)
    assert await outdated(house) == []
    release = await house.readmodel.release("acme", "shop", 2)
    assert release is not None
    assert (release.origin, release.rollout, release.live_on) == ("config", "change", ["eu-1", "eu-2", "eu-3"])
    assert release.config_fingerprint != "none"
    assert (await rollout_of(house, "promote-1")).config_change is False


async def test_a_change_of_config_has_no_image_until_its_turn_comes(house: House, chronicle: Chronicle) -> None:
    promoted(chronicle, 1)
    under_way = chronicle.say(DeployRequested(app="shop", image=TWO, stacks=("eu-1",)), id="d")
    change = config_set(chronicle, "shop", URL="a").model_copy(update={"deploy": True})
    chronicle.say(change, id="change")
    await house.take(chronicle.records)
    waits = await rollout_of(house, "change")
    assert (waits.status, waits.image, waits.digest, waits.behind) == ("queued", None, None, "d")
    assert (await app_of(house)).queue == ["change"]
    chronicle.play(under_way)
    await house.take(chronicle.records)
    rollout = await rollout_of(house, "change")
    assert rollout.status != "queued"


async def test_a_release_that_came_to_some_stacks_alone_is_not_the_current_one(
    house: House, chronicle: Chronicle
) -> None:
    """The image is the same everywhere, and the newest release of it is not live everywhere."""
    promoted(chronicle, 1)
    change = config_set(chronicle, "shop", URL="a").model_copy(update={"deploy": True})
    facts = chronicle.say(change, id="change")
    request = asked(facts, "eu-2")
    failed = {"phase": "look", "code": "unreachable", "message": "No answer."}
    chronicle.say(StackDeployFailed(**about(request, chronicle.claim(request)), **failed))
    chronicle.play([fact for fact in facts if fact is not request])
    await house.take(chronicle.records)
    app = await app_of(house)
    assert [stack.live and stack.live.release for stack in app.stacks] == [2, 1, 2]
    assert app.current_release is None
    assert await outdated(house) == ["eu-2"]


async def test_what_a_roll_back_brings_runs_with_the_present_config(house: House, chronicle: Chronicle) -> None:
    promoted(chronicle, 1)
    chronicle.say(config_set(chronicle, "shop", URL="a"))
    chronicle.play(chronicle.say(DeployRequested(app="shop", image=TWO)))
    chronicle.play(chronicle.say(RollbackRequested(app="shop", release=1, acknowledge_migrations=True), id="back"))
    await house.take(chronicle.records)
    assert (await app_of(house)).current_release == 3
    assert await outdated(house) == []


async def test_what_is_unchanged_has_the_config_of_the_release_that_it_is_now(
    house: House, chronicle: Remembering
) -> None:
    """Also if it says itself that it is of no release of ours."""
    chronicle.say(config_set(chronicle, "shop", URL="a"))
    request = asked(chronicle.say(DeployRequested(app="shop", image=ONE, stacks=("eu-1",))), "eu-1")
    live = Live(image=ONE, generation=request.generation)
    run = chronicle.claim(request)
    chronicle.tell(StackDeploySucceeded(**about(request, run), live=live, unchanged=True))
    await house.take(chronicle.records)
    stack = await stack_of(house, "eu-1")
    assert (stack.live and stack.live.release, stack.config_outdated) == (1, False)


async def test_a_clone_has_the_variables_that_were_copied(house: House, chronicle: Chronicle) -> None:
    chronicle.say(config_set(chronicle, "shop", URL="a"))
    app_id = clone_id("copy", "clone")
    values = {"URL": sealed("a"), "MODE": sealed("copy", secret=False)}
    command = AppCloned(source="shop", app="copy", app_id=app_id, stack="eu-1", values=values)
    chronicle.play(chronicle.say(command, id="clone", actor="token:bob"))
    await house.take(chronicle.records)
    view = await config_of(house, "copy")
    assert view.app_id == app_id
    assert [(v.name, v.stack, v.review, v.secret, v.fingerprint, v.actor) for v in view.variables] == [
        ("MODE", None, False, False, sealed("copy").fingerprint, "token:bob"),
        ("URL", None, False, True, sealed("a").fingerprint, "token:bob"),
    ]
    chronicle.play(chronicle.say(DeployRequested(app="copy", image=ONE)))
    await house.take(chronicle.records)
    assert await outdated(house, "copy") == []
    chronicle.say(ConfigSet(app="copy", app_id=app_id, values={"URL": sealed("b")}, deploy=False))
    await house.take(chronicle.records)
    assert await outdated(house, "copy") == ["eu-1"]
    assert await variables_of(house) == [("URL", None, False, sealed("a").fingerprint)]


def test_fingerprints_are_those_that_jobs_carry() -> None:
    """Written out, as the promoter makes them as well."""
    two = fingerprint_of({"B": "2" * 32, "A": "1" * 32})
    assert two == "f5cdbefebcc6e9dbf4afd1d5cf9c7396", 'SHA-256 of [["A","1…"],["B","2…"]]'
    assert fingerprint_of({}) == "none"
    effective = effective_of({"A": "1" * 32}, {"eu-1": {"B": "2" * 32}})
    assert effective == {"": fingerprint_of({"A": "1" * 32}), "eu-1": two}
    assert [effective_on(effective, stack) for stack in ("eu-1", "eu-2")] == [two, effective[""]]
    assert effective_of({}, {}) == {}
    assert list(effective_of({}, {"eu-2": {"A": "1"}, "eu-1": {"A": "1"}})) == ["eu-1", "eu-2"], "however they came"
    assert effective_on({}, "eu-1") == "none"
    assert effective_on({"eu-1": two}, "eu-2") == "none"
