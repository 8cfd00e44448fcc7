"""What a stack holds is not known after a run that failed or was lost, until somebody has looked."""

from __future__ import annotations

import pytest
from tests.bench.histories import Chronicle, live_of, promoted
from tests.unit.projections.asking import TWO, about, app_of, asked
from tests.unit.projections.house import House
from tests.unit.projections.test_agreement import agrees

from ownstack_contracts.apps import AppStackAdded, AppStackRemoved
from ownstack_contracts.jobs import StackAppRemovalRequested, StackLookRequested
from ownstack_contracts.reports import StackDeployFailed, StackObserved
from ownstack_contracts.rollouts import DeployRequested
from ownstack_readmodel.views import AppStackView


async def eu_1(house: House, chronicle: Chronicle) -> AppStackView:
    await house.take(chronicle.records)
    return (await app_of(house)).stacks[0]


@pytest.mark.parametrize("phase", ["release-task", "restart"])
async def test_after_a_run_failed_in_a_phase_it_is_unknown_what_is_live(
    house: House, chronicle: Chronicle, phase: str
) -> None:
    promoted(chronicle, 1)
    request = asked(chronicle.say(DeployRequested(app="shop", image=TWO)), "eu-1")
    failed = {"phase": phase, "code": "exit-1", "message": "It exited with 1."}
    run = chronicle.claim(request)
    (look,) = chronicle.say(StackDeployFailed(**about(request, run), **failed))[1:]
    stack = await eu_1(house, chronicle)
    assert (stack.status, stack.live, stack.summary) == ("unknown", None, "unknown")
    assert isinstance(look, StackLookRequested)
    chronicle.say(StackObserved(**about(look, chronicle.claim(look)), live=live_of(request, "acme")))
    stack = await eu_1(house, chronicle)
    assert stack.live is not None
    assert stack.live.image == TWO


async def test_a_failure_that_says_what_is_live_or_touched_nothing_leaves_no_doubt(
    house: House, chronicle: Chronicle
) -> None:
    promoted(chronicle, 1)
    facts = chronicle.say(DeployRequested(app="shop", image=TWO))
    one, two = asked(facts, "eu-1"), asked(facts, "eu-2")
    failed = {"code": "exit-1", "message": "It exited with 1."}
    chronicle.say(StackDeployFailed(**about(one, chronicle.claim(one)), **failed, phase="look"))
    live = live_of(two, "acme")
    chronicle.say(StackDeployFailed(**about(two, chronicle.claim(two)), **failed, phase="restart", live=live))
    await house.take(chronicle.records)
    assert [stack.status for stack in (await app_of(house)).stacks] == ["live"] * 3


async def test_where_nothing_was_deployed_a_failure_leaves_nothing(house: House, chronicle: Chronicle) -> None:
    request = asked(chronicle.say(DeployRequested(app="shop", image=TWO)), "eu-1")
    failed = {"phase": "restart", "code": "exit-1", "message": "It exited with 1."}
    chronicle.say(StackDeployFailed(**about(request, chronicle.claim(request)), **failed))
    assert (await eu_1(house, chronicle)).status == "nothing"


@pytest.mark.parametrize(("begun", "status"), [(True, "unknown"), (False, "live")])
async def test_after_a_run_that_never_ended_it_is_unknown_what_is_live(
    house: House, chronicle: Chronicle, begun: bool, status: str
) -> None:
    promoted(chronicle, 1)
    request = asked(chronicle.say(DeployRequested(app="shop", image=TWO)), "eu-1")
    if begun:
        chronicle.claim(request)
    chronicle.wait(1_801)
    assert (await eu_1(house, chronicle)).status == status


async def test_what_is_removed_after_it_was_seen_again_is_gone(house: House, chronicle: Chronicle) -> None:
    promoted(chronicle, 1)
    removal = next(
        fact
        for fact in chronicle.say(AppStackRemoved(app="shop", stack="eu-1"))
        if isinstance(fact, StackAppRemovalRequested)
    )
    chronicle.play(chronicle.say(AppStackAdded(app="shop", stack="eu-1")))
    await house.take(chronicle.records)
    assert (await app_of(house)).stacks[-1].status == "live"
    chronicle.work(removal)
    await agrees(house, chronicle)
    stack = (await app_of(house)).stacks[-1]
    assert (stack.status, stack.drift, stack.expected_release) == ("nothing", False, None)
    assert len(house.sink.rows.removals) == 0


async def test_what_is_deployed_before_a_removal_has_come_about_stays(house: House, chronicle: Chronicle) -> None:
    promoted(chronicle, 1)
    removal = next(
        fact
        for fact in chronicle.say(AppStackRemoved(app="shop", stack="eu-1"))
        if isinstance(fact, StackAppRemovalRequested)
    )
    chronicle.play(chronicle.say(AppStackAdded(app="shop", stack="eu-1")))
    chronicle.play(chronicle.say(DeployRequested(app="shop", image=TWO, stacks=("eu-1",))))
    chronicle.work(removal)
    await agrees(house, chronicle)
    stack = (await app_of(house)).stacks[-1]
    assert (stack.status, stack.drift) == ("live", False)
