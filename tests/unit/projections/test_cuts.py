"""A decision that was cut and mended in the history reads like any other: nothing stays open, and the app is free."""

from __future__ import annotations

import pytest
from tests.bench.histories import Chronicle, image
from tests.unit.projections.asking import command_of, rollout_of
from tests.unit.projections.house import House
from tests.unit.projections.test_agreement import agrees

from ownstack_contracts.apps import AppCreated, AppImportRequested, AppSettingsChanged
from ownstack_contracts.history import Origin, Position
from ownstack_contracts.message import Message
from ownstack_contracts.promotions import PromotionRequested
from ownstack_contracts.rejections import DecisionCut
from ownstack_contracts.rollouts import DeployRequested
from ownstack_contracts.topics import COMMANDS
from ownstack_promoter.cuts import after_cut
from ownstack_promoter.domain import Moment, decide


def cut(chronicle: Chronicle, command: Message, written: int) -> None:
    """Of the decision on a command only so many facts are written; the promoter mends that when it starts again."""
    team = chronicle.team
    chronicle.now += 1_000
    moment = Moment(chronicle.now, "cut", "token:ann")
    position = Position(COMMANDS.name, 0, 99)
    origin = Origin(position, chronicle.now, "token:ann", "cut", "cut")
    before = {app.name: list(app.stacks) for app in team.apps.values()}
    facts = decide(team, command, moment)[:written]
    chronicle.happen(facts, origin)
    said = DecisionCut(input=str(position), written=written, reason="its input has expired")
    chronicle.happen([said, *after_cut(team, said, facts, before, moment)], origin)


@pytest.mark.parametrize("written", range(1, 7))
@pytest.mark.parametrize("kind", ["deploy", "promotion", "tagged promotion"])
async def test_a_rollout_that_was_cut_has_ended(house: House, chronicle: Chronicle, kind: str, written: int) -> None:
    chronicle.say(AppSettingsChanged(app="shop", retag=kind == "tagged promotion"))
    chronicle.play(chronicle.say(DeployRequested(app="shop-staging", image=image(1))))
    command = (
        DeployRequested(app="shop", image=image(1))
        if kind == "deploy"
        else PromotionRequested(app="shop-staging", release=1)
    )
    cut(chronicle, command, written)
    await agrees(house, chronicle)
    if written > 1:
        rollout = await rollout_of(house, "cut")
        # once stacks were asked they are cancelled, and so is the rollout; before, an image may be tagged
        asked = written >= 5 and kind != "tagged promotion"
        assert (rollout.kind, rollout.status) == (kind.rpartition(" ")[2], "cancelled" if asked else "failed")
        assert {stack.state for stack in rollout.stacks} <= {"cancelled", "skipped", "failed"}
    app = await house.readmodel.app("acme", "shop")
    assert app is not None
    assert app.rollout is None
    assert (await command_of(house, "cut")).status == "admitted"


@pytest.mark.parametrize("written", range(1, 4))
async def test_an_app_that_was_cut_is_there_with_its_looks(house: House, chronicle: Chronicle, written: int) -> None:
    cut(chronicle, AppCreated(app="docs", stacks=("eu-1", "eu-2", "eu-3")), written)
    await agrees(house, chronicle)


@pytest.mark.parametrize(("written", "status"), [(2, "failed"), (3, "looking")])
async def test_a_promotion_that_was_cut_while_it_looked_goes_on_if_somebody_looks(
    house: House, chronicle: Chronicle, written: int, status: str
) -> None:
    chronicle.play(chronicle.say(DeployRequested(app="shop-staging", image=image(1))))
    cut(chronicle, PromotionRequested(app="shop-staging"), written)
    await agrees(house, chronicle)
    assert (await rollout_of(house, "cut")).status == status


@pytest.mark.parametrize("written", [1, 2])
async def test_an_import_that_was_cut_leaves_no_app(house: House, chronicle: Chronicle, written: int) -> None:
    cut(chronicle, AppImportRequested(app="docs", stack="eu-1"), written)
    await agrees(house, chronicle)
    assert await house.readmodel.app("acme", "docs") is None
    assert (await command_of(house, "cut")).status == "admitted"
