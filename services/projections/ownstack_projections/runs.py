"""Commands that run beside apps: asked for, granted, ended or lost."""

from __future__ import annotations

from ownstack_contracts.jobs import BESIDE, StackRunRequested
from ownstack_contracts.leases import JobClosed, JobGranted, LeaseReturned
from ownstack_contracts.outcomes import JobExpired, StackRunUnknown
from ownstack_contracts.reports import StackRunEnded, StackRunFailed
from ownstack_projections.deployments import SENTENCES
from ownstack_projections.dispatch import projects
from ownstack_projections.facts import Stamp
from ownstack_projections.rows import RunRow
from ownstack_projections.tables import Rows

LOST = "Its run was lost, so it may have run."
GIVEN_UP = "It was given up, with its app or its stack."


@projects(StackRunRequested)
def run_requested(rows: Rows, fact: StackRunRequested, stamp: Stamp) -> None:
    rows.runs.put(
        RunRow(
            team=stamp.team,
            run=fact.job.removesuffix(BESIDE),
            job=fact.job,
            app=fact.app,
            app_id=fact.app_id,
            stack=fact.stack,
            command=list(fact.command),
            status="asked",
            asked=stamp.sequence,
            actor=stamp.actor,
            requested_at=stamp.at,
        )
    )


def _open(rows: Rows, team: str, job: str) -> RunRow | None:
    """The run that a job is, to be changed, if it has not ended. The id of the job is that of the run and `#run`."""
    run = job.removesuffix(BESIDE)
    found = rows.runs.find(team, run)
    if found is None or found.job != job or found.ended_at is not None:
        return None
    return rows.runs.edit(team, run)


def granted(rows: Rows, fact: JobGranted, stamp: Stamp) -> None:
    """It may run now."""
    if (run := _open(rows, stamp.team, fact.job)) is not None:
        run.status, run.started_at = "running", stamp.at


def returned(rows: Rows, fact: LeaseReturned, stamp: Stamp) -> None:
    """It was given back before it began."""
    if (run := _open(rows, stamp.team, fact.job)) is not None:
        run.status, run.started_at = "asked", None


@projects(StackRunEnded)
def run_ended(rows: Rows, fact: StackRunEnded, stamp: Stamp) -> None:
    if (run := _end(rows, stamp, fact.job, "ended")) is not None:
        run.exit_code, run.lines = fact.exit_code, fact.lines


@projects(StackRunFailed)
def run_failed(rows: Rows, fact: StackRunFailed, stamp: Stamp) -> None:
    _end(rows, stamp, fact.job, "failed", fact.code, fact.message)


@projects(StackRunUnknown)
def run_unknown(rows: Rows, fact: StackRunUnknown, stamp: Stamp) -> None:
    _end(rows, stamp, fact.job, "unknown", "run-lost", LOST)


def expired(rows: Rows, fact: JobExpired, stamp: Stamp) -> None:
    """A deadline has passed."""
    _end(rows, stamp, fact.job, "expired", f"{fact.deadline}-deadline", SENTENCES[fact.deadline])


def closed(rows: Rows, fact: JobClosed, stamp: Stamp) -> None:
    """It is over; if no fact before has said how, nobody waited for its end: it may have run if it had begun."""
    if (run := _open(rows, stamp.team, fact.job)) is not None:
        status = "failed" if run.started_at is None else "unknown"
        _end(rows, stamp, fact.job, status, fact.reason, GIVEN_UP)


def _end(
    rows: Rows, stamp: Stamp, job: str, status: str, code: str | None = None, message: str | None = None
) -> RunRow | None:
    """The run that has ended now; None if there is none, or it had ended already."""
    run = _open(rows, stamp.team, job)
    if run is not None:
        run.status, run.ended_at, run.code, run.message = status, stamp.at, code, message
    return run
