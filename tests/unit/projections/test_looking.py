"""What is shown of a promotion that looks at its source before it knows what it promotes."""

from __future__ import annotations

import pytest
from tests.unit.projections.asking import ONE, TWO, app_of, command_of, rollout_of
from tests.unit.projections.house import House
from tests.unit.projections.remembering import Remembering

from ownstack_contracts.jobs import Live
from ownstack_contracts.promotions import PromotionCancelRequested, PromotionRequested
from ownstack_contracts.rollouts import DeployRequested
from ownstack_readmodel.views import RolloutView


@pytest.fixture
def chronicle(chronicle: Remembering) -> Remembering:
    """v1 is live on staging."""
    chronicle.play(chronicle.say(DeployRequested(app="shop-staging", image=ONE)))
    return chronicle


async def promotions(house: House, status: str) -> list[str]:
    return [view.id for view in (await house.readmodel.promotions("acme", status=status)).items]


def states(view: RolloutView) -> set[tuple[str, str, int]]:
    return {(stack.stack, stack.state, stack.attempt) for stack in view.stacks}


async def test_it_is_there_from_its_look_on_and_filled_in_when_it_opens(house: House, chronicle: Remembering) -> None:
    facts = chronicle.say(PromotionRequested(app="shop-staging", stacks=("eu-1", "eu-2")), id="p")
    begun = chronicle.now
    await house.take(chronicle.records)
    looking = await rollout_of(house, "p")
    assert (looking.kind, looking.status, looking.app, looking.requester) == (
        "promotion",
        "looking",
        "shop",
        "token:ann",
    )
    assert (looking.image, looking.digest, looking.release, looking.started_at) == (None, None, None, None)
    assert (looking.source, looking.source_release, looking.requested_at) == ("shop-staging", 1, begun)
    assert states(looking) == {("eu-1", "pending", 0), ("eu-2", "pending", 0)}
    assert await promotions(house, "looking") == ["p"]
    assert (await command_of(house, "p")).rollout == "p"
    app = await app_of(house)
    assert (app.rollout, app.queue) == (None, [])
    pipeline = await house.readmodel.pipeline("acme", "shop")
    assert pipeline is not None
    assert pipeline.stages[-1].promotion == "p"

    chronicle.play(facts)
    await house.take(chronicle.records)
    opened = await rollout_of(house, "p")
    assert (opened.status, opened.image, opened.source_release, opened.release) == ("succeeded", ONE, 1, 1)
    assert opened.digest is not None
    assert (opened.requested_at, {stack.state for stack in opened.stacks}) == (begun, {"succeeded"})
    assert await promotions(house, "looking") == []


async def test_what_is_found_on_the_source_is_what_is_promoted(house: House, chronicle: Remembering) -> None:
    chronicle.leave("shop-staging", "staging-1", Live(image=TWO))
    chronicle.play(chronicle.say(PromotionRequested(app="shop-staging"), id="drifted"))
    chronicle.play(chronicle.say(PromotionRequested(app="shop-staging"), id="p"))
    await house.take(chronicle.records)
    drifted, promoted = await rollout_of(house, "drifted"), await rollout_of(house, "p")
    assert (drifted.status, drifted.code, drifted.source_release, drifted.image) == (
        "failed",
        "source-drifted",
        1,
        None,
    )
    assert states(drifted) == {("eu-1", "skipped", 0), ("eu-2", "skipped", 0), ("eu-3", "skipped", 0)}
    assert drifted.ended_at is not None
    assert (promoted.status, promoted.source_release, promoted.image) == ("succeeded", 2, TWO)


async def test_what_is_found_that_nobody_knew_of_is_a_release_when_it_is_promoted(
    house: House, chronicle: Remembering
) -> None:
    chronicle.leave("shop-staging", "staging-1", Live(reference="built"))
    chronicle.play(chronicle.say(PromotionRequested(app="shop-staging"), id="built"))
    chronicle.leave("shop-staging", "staging-1", Live(image=TWO))
    looking = chronicle.say(PromotionRequested(app="shop-staging"), id="p")
    await house.take(chronicle.records)
    assert (await rollout_of(house, "p")).source_release is None
    chronicle.play(looking)
    await house.take(chronicle.records)
    promoted = await rollout_of(house, "p")
    assert (promoted.status, promoted.source_release, promoted.image) == ("succeeded", 2, TWO)
    assert (await rollout_of(house, "built")).code is not None


async def test_it_can_be_cancelled_while_it_looks(house: House, chronicle: Remembering) -> None:
    chronicle.say(PromotionRequested(app="shop-staging"), id="p")
    chronicle.say(PromotionCancelRequested(promotion="p"), id="stop")
    await house.take(chronicle.records)
    view = await rollout_of(house, "p")
    assert (view.status, view.image, view.ended_at) == ("cancelled", None, chronicle.now)
    assert states(view) == {("eu-1", "skipped", 0), ("eu-2", "skipped", 0), ("eu-3", "skipped", 0)}
    assert (await command_of(house, "stop")).rollout == "p"


async def test_it_waits_its_turn_once_it_knows_what_it_promotes(house: House, chronicle: Remembering) -> None:
    under_way = chronicle.say(DeployRequested(app="shop", image=TWO), id="d")
    looks = chronicle.say(PromotionRequested(app="shop-staging"), id="p")
    chronicle.play(looks)
    await house.take(chronicle.records)
    queued = await rollout_of(house, "p")
    assert (queued.status, queued.behind, queued.image) == ("queued", "d", ONE)
    assert (await app_of(house)).queue == ["p"]
    chronicle.play(under_way)
    await house.take(chronicle.records)
    assert (await rollout_of(house, "p")).status == "succeeded"


async def test_with_a_release_it_opens_at_once(house: House, chronicle: Remembering) -> None:
    chronicle.say(PromotionRequested(app="shop-staging", release=1), id="p")
    await house.take(chronicle.records)
    view = await rollout_of(house, "p")
    assert (view.status, view.image, view.requested_at) == ("running", ONE, chronicle.now)


@pytest.mark.parametrize("app", ["shop", "shop-staging"])
async def test_its_look_is_in_the_history_of_both_apps(house: House, chronicle: Remembering, app: str) -> None:
    chronicle.say(PromotionRequested(app="shop-staging"), id="p")
    await house.take(chronicle.records)
    page = await house.readmodel.history("acme", 200, app=app)
    assert "PromotionBegun" in {fact.type for fact in page.items}
