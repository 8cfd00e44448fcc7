"""A decision of which only the first facts were written: what follows brings any team to where all comes to an end."""

from __future__ import annotations

import copy
import os
import random

from tests.unit.promoter.properties.consistency import check
from tests.unit.promoter.properties.deployers import Deployers
from tests.unit.promoter.properties.test_replay import IMAGES, walk
from tests.unit.promoter.properties.world import World, fold_written

from ownstack_contracts.envelope import Event, decode, milliseconds
from ownstack_contracts.message import Message
from ownstack_contracts.rejections import DecisionCut
from ownstack_contracts.topics import HISTORY
from ownstack_promoter.cuts import Before, after_cut
from ownstack_promoter.dispatch import Moment, evolve

WALKS = int(os.environ.get("OWNSTACK_EXAMPLES") or 8)
CUTS = 12
"""Per walk."""


def cut_short(history: list[bytes], events: list[Event], length: int) -> World:
    """The world when only `length` facts were written, and nothing is known of the input of the last."""
    last = events[length - 1].envelope
    written = 1 + last.step  # type: ignore[operator]
    world = World()
    log = world.log
    for value in history[: length - written]:
        fold_written(log, value)
    before = {app.name: Before(app.id, list(app.stacks)) for app in log.team.apps.values()}
    for value in history[length - written : length]:
        fold_written(log, value)
    facts: list[Message] = [event.message for event in events[length - written : length]]
    assert last.time is not None
    moment = Moment(milliseconds(last.time), last.causationid or "unknown", last.actor or "ownstack")
    cut = DecisionCut(input=str(last.input), written=written, reason="its input has expired")
    follows = [cut, *after_cut(log.team, cut, facts, before, moment)]
    for fact in follows:
        evolve(log.team, fact)
    for fact in [*(event.message for event in events[:length]), *follows]:
        world.ledger.tell(fact)
    world.ledger.check_decision()
    world.now = moment.now
    world.rebuilt = copy.deepcopy(log)
    return world


def test_after_a_cut_anywhere_all_comes_to_its_end() -> None:
    for seed in range(WALKS):
        history = walk(seed).history
        events = [decode(HISTORY.name, value) for value in history]
        cuts = [n for n, e in enumerate(events, 1) if e.envelope.step + 1 != e.envelope.steps]  # type: ignore[operator]
        for length in random.Random(seed).sample(cuts, min(CUTS, len(cuts))):
            world = cut_short(history, events, length)
            check(world.team)
            Deployers(world).finish(IMAGES[2])
            assert world.ledger.without_end == set(), (seed, length)
            assert world.ledger.reviews.going == set(), (seed, length)
            assert [app.name for app in world.team.apps.values() if app.active or app.queue] == [], (seed, length)
