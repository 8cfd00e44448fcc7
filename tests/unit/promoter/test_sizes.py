"""Sizes: the largest fact there can be still fits into a record."""

from __future__ import annotations

from tests.unit.promoter.story import Story

from ownstack_bus.embedded.bus import MAX_RECORD_BYTES
from ownstack_contracts.apps import MOST_STACKS, AppCreated, AppStackAdded
from ownstack_contracts.history import Origin, Position, seal
from ownstack_contracts.promotions import PromotionCancelled
from ownstack_contracts.rollouts import StackResult
from ownstack_contracts.stacks import StackAdded
from ownstack_promoter.domain import evolve

LONGEST_NAME, LONGEST_CODE = 63, 64


def test_the_end_of_a_rollout_over_as_many_stacks_as_can_be_fits_into_a_record() -> None:
    results = tuple(
        StackResult(stack=f"{number:0{LONGEST_NAME}}", outcome="superseded", code="c" * LONGEST_CODE)
        for number in range(MOST_STACKS)
    )
    end = PromotionCancelled(promotion="p" * 64, source="s" * 63, target="t" * 63, results=results)
    origin = Origin(Position("ownstack.commands", 11, 2**40), 1_700_000_000_000, "a" * 256, "c" * 200, "i" * 200)
    value, _ = seal(end, origin, team="t" * 63, sequence=2**50, previous_hash="0" * 64, step=0, steps=1)
    assert len(value) <= MAX_RECORD_BYTES


def test_an_app_is_on_no_more_stacks_than_that() -> None:
    story = Story()
    names = tuple(f"s{number}" for number in range(MOST_STACKS))
    for name in (*names, "one-more"):
        evolve(story.team, StackAdded(stack=name, driver="noop"))
    evolve(story.team, AppCreated(app="shop", stacks=names))
    assert story.refused(AppStackAdded(app="shop", stack="one-more")) == "too-many-stacks"
