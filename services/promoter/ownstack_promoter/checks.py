"""Checks: whether a stack can be used. Whoever is asked first answers; a check changes nothing, and is not claimed."""

from __future__ import annotations

from collections.abc import Iterator

from ownstack_contracts.jobs import StackCheckRequested
from ownstack_contracts.message import Message
from ownstack_contracts.reports import StackChecked
from ownstack_contracts.stacks import CheckRequested
from ownstack_promoter.dispatch import Moment, decides, evolves
from ownstack_promoter.team import Team

PATIENCE = 60_000
"""How long a check waits for its answer, in ms."""


@decides(CheckRequested)
def check(team: Team, command: CheckRequested, moment: Moment) -> Iterator[Message]:
    stack = team.stack(command.stack)
    yield command
    yield StackCheckRequested(
        job=f"{moment.id}#check",
        stack=stack.name,
        driver=stack.driver,  # type: ignore[arg-type]
        address=stack.address,
        settings=stack.settings,
        waiting_until=moment.now + PATIENCE,
    )


@evolves(StackCheckRequested)
def check_requested(team: Team, fact: StackCheckRequested) -> None:
    team.checks[fact.job] = fact
    team.timers.set(f"check:{fact.job}", fact.waiting_until)


@decides(StackChecked)
def checked(team: Team, report: StackChecked, _: Moment) -> Iterator[Message]:
    """The first answer counts; one that comes twice, or too late, is no news."""
    request = team.checks.get(report.job)
    if request is not None and request.stack == report.stack:
        yield report


@evolves(StackChecked)
def has_been_checked(team: Team, fact: StackChecked) -> None:
    team.checks.pop(fact.job, None)
    team.timers.cancel(f"check:{fact.job}")


def unanswered(request: StackCheckRequested) -> StackChecked:
    """What the owner of the partition says when nobody else does."""
    return StackChecked(
        job=request.job,
        stack=request.stack,
        code="no-deployer",
        message=f"No deployer has checked {request.stack} within {PATIENCE // 1_000} s. Start one, or see its log.",
    )
