"""Removals: a stack is asked to remove an app that has left it."""

from __future__ import annotations

from collections.abc import Iterator

from ownstack_contracts.apps import StackAppLeftBehind
from ownstack_contracts.jobs import StackAppRemovalRequested
from ownstack_contracts.leases import RunReport
from ownstack_contracts.message import Message
from ownstack_contracts.reports import StackAppRemovalFailed, StackAppRemoved
from ownstack_promoter.dispatch import Moment, decides, evolves
from ownstack_promoter.looks import look_again
from ownstack_promoter.model import App
from ownstack_promoter.places import close_job, deadlines, end_grant, give_back, holder, open_job, whereabouts
from ownstack_promoter.team import Team
from ownstack_promoter.underway import Job


def removal(team: Team, app: App, stack: str, moment: Moment) -> StackAppRemovalRequested:
    """Ask the stack to remove the app. Its generation is above all deployments so far."""
    return StackAppRemovalRequested(
        job=f"{app.id}.{stack}#remove.{team.job_numbers.get((app.name, stack), 0) + 1}",
        **whereabouts(team, app.name, app.id, stack),
        **deadlines(app, moment),
        generation=team.generation(app.name, stack) + 1,
    )


@evolves(StackAppRemovalRequested)
def removal_requested(team: Team, fact: StackAppRemovalRequested) -> None:
    open_job(team, "remove", fact)


@decides(StackAppRemoved)
def app_removed(team: Team, report: StackAppRemoved, moment: Moment) -> Iterator[Message]:
    if (job := holder(team, report)) is not None and job.kind == "remove":
        yield report
    else:
        yield from give_back(team, report)
        yield from look_again(team, report.app, report.stack, moment)


@decides(StackAppRemovalFailed)
def removal_failed(team: Team, report: StackAppRemovalFailed, _: Moment) -> Iterator[Message]:
    job = holder(team, report)
    if job is None or job.kind != "remove":
        yield from give_back(team, report)
        return
    yield report
    yield left_behind(job, report.code, report.message)


def left_behind(job: Job, code: str, message: str) -> StackAppLeftBehind:
    """The app is gone here, whatever is still on the stack."""
    request = job.request
    return StackAppLeftBehind(
        app=request.app, app_id=request.app_id, stack=request.stack, code=code, message=message, job=request.job
    )


@evolves(StackAppRemoved)
def app_was_removed(team: Team, fact: StackAppRemoved) -> None:
    job, app = team.jobs[fact.job], team.apps.get(fact.app)
    stack = team.stacks.get(fact.stack)
    moved = stack is None or stack.address != job.request.address
    if (
        app is not None
        and not moved
        and (known := app.live.get(fact.stack))
        and known.generation < job.request.generation
    ):
        del app.live[fact.stack]  # it is on the stack again, and was looked at before it was removed
    _removal_ended(team, fact)


@evolves(StackAppRemovalFailed)
def removal_has_failed(team: Team, fact: StackAppRemovalFailed) -> None:
    _removal_ended(team, fact)


def _removal_ended(team: Team, fact: RunReport) -> None:
    end_grant(team, (fact.app, fact.stack), fact.run)
    close_job(team, fact.job)


@evolves(StackAppLeftBehind)
def app_left_behind(team: Team, fact: StackAppLeftBehind) -> None:
    if fact.job is not None:
        close_job(team, fact.job)
