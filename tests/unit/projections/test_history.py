"""What is shown of commands and of the history; and to whom."""

from __future__ import annotations

import pytest
from tests.bench.histories import Chronicle, promoted
from tests.unit.projections.asking import (
    ONE,
    command_of,
)
from tests.unit.projections.house import House

from ownstack_contracts.promotions import PromotionRequested
from ownstack_contracts.rollouts import DeployRequested


async def test_a_command_is_admitted_with_the_rollout_that_it_opened(house: House, chronicle: Chronicle) -> None:
    chronicle.say(DeployRequested(app="shop", image=ONE), id="d", actor="token:ci")
    await house.take(chronicle.records)
    command = await command_of(house, "d")
    assert (command.type, command.status, command.actor) == ("DeployRequested", "admitted", "token:ci")
    assert (command.rollout, command.at) == ("d", chronicle.now)
    facts = await house.readmodel.facts_after("acme", (command.sequence or 0) - 1, 1)
    assert [fact.type for fact in facts] == ["DeployRequested"]


async def test_a_rejected_command_says_why_and_what_to_do(house: House, chronicle: Chronicle) -> None:
    chronicle.say(PromotionRequested(app="shop"), id="early")
    await house.take(chronicle.records)
    command = await command_of(house, "early")
    assert (command.type, command.status, command.code) == ("PromotionRequested", "rejected", "last-stage")
    assert command.message == "shop is the last stage of its pipeline: there is nowhere to promote to."
    assert command.hint == "ownstack app pipeline info shop"
    assert command.rollout is None


@pytest.mark.parametrize("app", ["shop", "shop-staging"])
async def test_a_promotion_is_in_the_history_of_both_of_its_apps(house: House, chronicle: Chronicle, app: str) -> None:
    promoted(chronicle, 1)
    await house.take(chronicle.records)
    page = await house.readmodel.history("acme", 200, app=app)
    assert {"PromotionOpened", "PromotionSucceeded", "StagingAdded"} <= {fact.type for fact in page.items}
    assert [fact.sequence for fact in page.items] == sorted((f.sequence for f in page.items), reverse=True)


async def test_the_history_of_an_app_is_complete_over_pages(house: House, chronicle: Chronicle) -> None:
    promoted(chronicle, 1)
    await house.take(chronicle.records)
    whole = await house.readmodel.facts_after("acme", 0, 1_000, app="shop")
    found, cursor = [], None
    while True:
        page = await house.readmodel.history("acme", 7, cursor, app="shop", after=0)
        found += [fact.sequence for fact in page.items]
        cursor = page.next
        if cursor is None:
            break
    assert found == [fact.sequence for fact in whole]


async def test_another_team_sees_nothing_of_it(house: House, chronicle: Chronicle) -> None:
    promoted(chronicle, 1)
    await house.take(chronicle.records)
    model = house.readmodel
    for page in (await model.apps("beta"), await model.stacks("beta"), await model.pipelines("beta")):
        assert page.items == []
    assert (await model.rollouts("beta")).items == (await model.history("beta")).items == []
    assert await model.app("beta", "shop") is None
    assert await model.stack("beta", "eu-1") is None
    assert await model.pipeline("beta", "shop") is None
    assert await model.rollout("beta", "promote-1") is None
    assert await model.deployment("beta", "promote-1.eu-1") is None
    assert await model.releases("beta", "shop") is None
    assert await model.command("beta", "promote-1") is None
    assert await model.last_sequence("beta") == 0
