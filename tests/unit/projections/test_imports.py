"""What is shown of apps that are taken over from the stack that they run on, and of looks that are asked for."""

from __future__ import annotations

import pytest
from tests.unit.projections.asking import ONE, SHORT, about, app_of, config_set
from tests.unit.projections.house import House
from tests.unit.projections.remembering import Remembering

from ownstack_contracts.apps import AppImportRequested, AppStackAdded, AppStackRemoved, LookRequested
from ownstack_contracts.jobs import Live, StackLookRequested
from ownstack_contracts.message import Message
from ownstack_contracts.promotions import PromotionRequested
from ownstack_contracts.reports import StackLookFailed, StackObserved


def look_in(facts: list[Message]) -> StackLookRequested:
    return next(fact for fact in facts if isinstance(fact, StackLookRequested))


async def test_an_app_is_there_once_it_was_seen_with_what_it_runs(house: House, chronicle: Remembering) -> None:
    chronicle.leave("docs", "eu-1", Live(image=ONE))
    facts = chronicle.say(AppImportRequested(app="docs", stack="eu-1", config=True))
    await house.take(chronicle.records)
    assert await house.readmodel.app("acme", "docs") is None
    look = look_in(facts)
    chronicle.play(facts)
    await house.take(chronicle.records)
    app = await app_of(house, "docs")
    assert (app.id, app.created_at, app.current_release) == (look.app_id, chronicle.now, 1)
    assert app.summary == f"docs — deployed v1 {SHORT}"
    assert app.settings == (await app_of(house)).settings
    (stack,) = app.stacks
    assert (stack.stack, stack.drift, stack.expected_release) == ("eu-1", False, 1)
    assert stack.config_keys == ["DATABASE_URL", "SECRET_KEY_BASE"]
    listed = await house.readmodel.stack("acme", "eu-1")
    assert listed is not None
    assert listed.apps == ["docs", "shop"]
    release = await house.readmodel.release("acme", "docs", 1)
    assert release is not None
    assert (release.origin, release.live_on, release.deployments) == ("found", ["eu-1"], [])


async def test_an_app_without_digest_is_taken_over_and_runs_no_release(house: House, chronicle: Remembering) -> None:
    chronicle.leave("docs", "eu-1", Live(reference="dokku/docs:latest"))
    chronicle.play(chronicle.say(AppImportRequested(app="docs", stack="eu-1")))
    await house.take(chronicle.records)
    app = await app_of(house, "docs")
    assert (app.summary, app.current_release) == ("docs — an image without digest (dokku/docs:latest)", None)
    (stack,) = app.stacks
    assert (stack.status, stack.drift, stack.config_keys, stack.expected_release) == ("live", False, None, None)


@pytest.mark.parametrize("failed", [True, False])
async def test_an_app_that_was_not_seen_is_not_there(house: House, chronicle: Remembering, failed: bool) -> None:
    facts = chronicle.say(AppImportRequested(app="docs", stack="eu-1"))
    if failed:
        look = look_in(facts)
        chronicle.say(StackLookFailed(**about(look, chronicle.claim(look)), code="unreachable", message="No answer."))
    else:
        chronicle.play(facts)
    await house.take(chronicle.records)
    assert await house.readmodel.app("acme", "docs") is None
    page = await house.readmodel.history("acme", 50, app="docs")
    assert page.items[0].type == "AppImportFailed"


async def test_the_names_of_config_variables_stay_until_a_look_sees_others(
    house: House, chronicle: Remembering
) -> None:
    chronicle.leave("docs", "eu-1", Live(image=ONE))
    chronicle.play(chronicle.say(AppImportRequested(app="docs", stack="eu-1", config=True)))
    look = look_in(chronicle.say(LookRequested(app="docs")))
    chronicle.say(StackObserved(**about(look, chronicle.claim(look)), live=Live(image=ONE)))
    await house.take(chronicle.records)
    assert (await app_of(house, "docs")).stacks[0].config_keys == ["DATABASE_URL", "SECRET_KEY_BASE"]
    look = look_in(chronicle.say(LookRequested(app="docs")))
    chronicle.say(StackObserved(**about(look, chronicle.claim(look)), live=Live(image=ONE), config_keys=("PORT",)))
    await house.take(chronicle.records)
    assert (await app_of(house, "docs")).stacks[0].config_keys == ["PORT"]


async def test_of_what_was_found_the_names_that_are_ours_by_now_are_left_out(
    house: House, chronicle: Remembering
) -> None:
    chronicle.leave("docs", "eu-1", Live(image=ONE))
    chronicle.play(chronicle.say(AppImportRequested(app="docs", stack="eu-1", config=True)))
    chronicle.say(config_set(chronicle, "docs", SECRET_KEY_BASE="a").model_copy(update={"review": True}))
    chronicle.say(config_set(chronicle, "docs", PORT="a"))
    await house.take(chronicle.records)
    assert (await app_of(house, "docs")).stacks[0].config_keys == ["DATABASE_URL", "SECRET_KEY_BASE"]
    chronicle.say(config_set(chronicle, "docs", DATABASE_URL="a"))
    chronicle.say(config_set(chronicle, "docs").model_copy(update={"unset": ("DATABASE_URL",)}))
    await house.take(chronicle.records)
    assert (await app_of(house, "docs")).stacks[0].config_keys == ["SECRET_KEY_BASE"]
    chronicle.say(AppStackAdded(app="docs", stack="eu-2"))
    for stack, left in (("eu-2", ["SECRET_KEY_BASE"]), ("eu-1", [])):
        of_stack = config_set(chronicle, "docs", SECRET_KEY_BASE="a").model_copy(update={"stack": stack})
        chronicle.say(of_stack)
        await house.take(chronicle.records)
        assert (await app_of(house, "docs")).stacks[0].config_keys == left


async def test_of_two_looks_at_a_stack_each_is_judged_by_when_it_was_asked_for(
    house: House, chronicle: Remembering
) -> None:
    chronicle.leave("shop-staging", "staging-1", Live(image=ONE))
    chronicle.play(chronicle.say(LookRequested(app="shop-staging")))
    first = look_in(chronicle.say(PromotionRequested(app="shop-staging"), id="p"))
    second = look_in(chronicle.say(PromotionRequested(app="shop-staging"), id="q"))
    assert first.job != second.job
    chronicle.say(StackObserved(**about(first, chronicle.claim(first)), live=Live(reference="built")))
    await house.take(chronicle.records)
    live = (await app_of(house, "shop-staging")).stacks[0].live
    assert live is not None
    assert live.reference == "built"


async def test_a_look_at_what_is_gone_is_no_news(house: House, chronicle: Remembering) -> None:
    look = look_in(chronicle.say(LookRequested(app="shop", stack="eu-1")))
    run = chronicle.claim(look)
    chronicle.say(AppStackRemoved(app="shop", stack="eu-1"))
    chronicle.say(StackObserved(**about(look, run), live=Live(image=ONE)))
    await house.take(chronicle.records)
    stack = await house.readmodel.stack("acme", "eu-1")
    assert stack is not None
    assert stack.apps == []
