"""What is shown of commands that run beside apps."""

from __future__ import annotations

import pytest
from tests.bench.histories import Chronicle
from tests.unit.projections.asking import about, command_of
from tests.unit.projections.house import House

from ownstack_contracts.apps import AppCreated, AppDestroyed
from ownstack_contracts.history import Origin, Position
from ownstack_contracts.jobs import StackRunRequested
from ownstack_contracts.leases import JobClosed, LeaseLapsed, LeaseReturned
from ownstack_contracts.message import Message
from ownstack_contracts.reports import StackRunEnded, StackRunFailed
from ownstack_contracts.rollouts import RunRequested
from ownstack_contracts.topics import REPORTS
from ownstack_readmodel.views import RunView

COMMAND = ("rake", "db:version")


def run_in(facts: list[Message]) -> StackRunRequested:
    return next(fact for fact in facts if isinstance(fact, StackRunRequested))


def asked(chronicle: Chronicle, name: str = "x", stack: str = "eu-1") -> StackRunRequested:
    return run_in(chronicle.say(RunRequested(app="shop", stack=stack, command=COMMAND), id=name))


async def run_of(house: House, chronicle: Chronicle, name: str = "x") -> RunView:
    await house.take(chronicle.records)
    view = await house.readmodel.run("acme", name)
    assert view is not None
    return view


async def test_a_command_is_asked_for_runs_and_ends(house: House, chronicle: Chronicle) -> None:
    request, at = asked(chronicle), chronicle.now
    view = await run_of(house, chronicle)
    assert view.model_dump() == {
        "id": "x",
        "job": "x#run",
        "app": "shop",
        "stack": "eu-1",
        "command": ["rake", "db:version"],
        "status": "asked",
        "exit_code": None,
        "lines": None,
        "actor": "token:ann",
        "requested_at": at,
        "started_at": None,
        "ended_at": None,
        "code": None,
        "message": None,
    }
    assert (await command_of(house, "x")).status == "admitted"
    run = chronicle.claim(request)
    view = await run_of(house, chronicle)
    assert (view.status, view.started_at, view.ended_at) == ("running", chronicle.now, None)
    started = chronicle.now
    chronicle.say(StackRunEnded(**about(request, run), exit_code=3, lines=2))
    view = await run_of(house, chronicle)
    assert (view.status, view.exit_code, view.lines, view.started_at, view.ended_at) == (
        "ended",
        3,
        2,
        started,
        chronicle.now,
    )
    assert len(house.sink.rows.runs) == 0, "what has ended leaves the memory"


async def test_a_command_that_failed_says_why(house: House, chronicle: Chronicle) -> None:
    request = asked(chronicle)
    failed = {"code": "unreachable", "message": "No answer."}
    chronicle.say(StackRunFailed(**about(request, chronicle.claim(request)), **failed))
    view = await run_of(house, chronicle)
    assert (view.status, view.exit_code, view.code, view.message) == ("failed", None, "unreachable", "No answer.")


async def test_a_command_that_is_lost_may_have_run(house: House, chronicle: Chronicle) -> None:
    request = asked(chronicle)
    chronicle.say(LeaseLapsed(**about(request, chronicle.claim(request))))
    view = await run_of(house, chronicle)
    assert (view.status, view.code, view.message) == ("unknown", "run-lost", "Its run was lost, so it may have run.")
    assert view.ended_at == chronicle.now


async def test_a_command_that_was_given_back_is_asked_for_again(house: House, chronicle: Chronicle) -> None:
    request = asked(chronicle)
    chronicle.say(LeaseReturned(**about(request, chronicle.claim(request))))
    view = await run_of(house, chronicle)
    assert (view.status, view.started_at) == ("asked", None)
    chronicle.claim(request)
    view = await run_of(house, chronicle)
    assert (view.status, view.started_at) == ("running", chronicle.now)


@pytest.mark.parametrize(("begun", "deadline"), [(False, "waiting"), (True, "running")])
async def test_a_command_expires(house: House, chronicle: Chronicle, begun: bool, deadline: str) -> None:
    request = asked(chronicle)
    if begun:
        chronicle.claim(request)
    chronicle.wait(1_801)
    view = await run_of(house, chronicle)
    assert (view.status, view.code) == ("expired", f"{deadline}-deadline")
    assert view.message is not None
    assert view.ended_at == chronicle.now


async def test_commands_are_listed_newest_first_and_in_pages(house: House, chronicle: Chronicle) -> None:
    for number in range(3):
        asked(chronicle, f"x{number}", f"eu-{number + 1}")
    await house.take(chronicle.records)
    first = await house.readmodel.runs("acme", "shop", 2)
    assert first is not None
    second = await house.readmodel.runs("acme", "shop", 2, first.next)
    assert second is not None
    assert [[run.id for run in page.items] for page in (first, second)] == [["x2", "x1"], ["x0"]]
    assert second.next is None
    assert await house.readmodel.runs("acme", "nothing", 2) is None


async def test_commands_of_another_team_or_another_creation_of_the_app_are_not_listed(
    house: House, chronicle: Chronicle
) -> None:
    chronicle.say(AppCreated(app="pr-1", stacks=("eu-1",)))
    chronicle.play(chronicle.say(RunRequested(app="pr-1", stack="eu-1", command=COMMAND), id="x"))
    chronicle.say(AppDestroyed(app="pr-1"))
    await house.take(chronicle.records)
    assert await house.readmodel.runs("acme", "pr-1") is None
    assert (await run_of(house, chronicle)).app == "pr-1", "by its id it is found, as its lines are"
    chronicle.say(AppCreated(app="pr-1", stacks=("eu-1",)))
    await house.take(chronicle.records)
    page = await house.readmodel.runs("acme", "pr-1")
    assert page is not None
    assert page.items == []
    assert await house.readmodel.run("beta", "x") is None


@pytest.mark.parametrize(("begun", "status"), [(False, "failed"), (True, "expired")])
async def test_a_command_whose_app_is_gone_comes_to_an_end(
    house: House, chronicle: Chronicle, begun: bool, status: str
) -> None:
    chronicle.play(chronicle.say(AppCreated(app="pr-1", stacks=("eu-1",))))
    request = run_in(chronicle.say(RunRequested(app="pr-1", stack="eu-1", command=COMMAND), id="x"))
    if begun:
        chronicle.claim(request)
    chronicle.say(AppDestroyed(app="pr-1"))
    gone = chronicle.now
    chronicle.wait(4_000)
    view = await run_of(house, chronicle)
    assert (view.status, view.ended_at) == (status, chronicle.now if begun else gone)


@pytest.mark.parametrize(("begun", "status"), [(False, "failed"), (True, "unknown")])
async def test_a_command_whose_job_is_closed_without_an_end_has_failed_or_may_have_run(
    house: House, chronicle: Chronicle, begun: bool, status: str
) -> None:
    request = asked(chronicle)
    if begun:
        chronicle.claim(request)
    chronicle.now += 1
    closed = JobClosed(job=request.job, app="shop", stack="eu-1", reason="cancelled")
    chronicle.happen([closed], Origin(Position(REPORTS.name, 0, 1_000), chronicle.now))
    view = await run_of(house, chronicle)
    assert (view.status, view.code, view.ended_at) == (status, "cancelled", chronicle.now)
    assert view.message == "It was given up, with its app or its stack."
