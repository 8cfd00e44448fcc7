"""Facts about jobs of any kind: granted, given back, expired, closed. The id of a job says what it is."""

from __future__ import annotations

from ownstack_contracts.jobs import is_beside
from ownstack_contracts.leases import JobClosed, JobGranted, LeaseReturned
from ownstack_contracts.outcomes import JobExpired
from ownstack_projections import deployments, live, postdeploys, runs
from ownstack_projections.dispatch import projects
from ownstack_projections.facts import Stamp
from ownstack_projections.tables import Rows


@projects(JobGranted)
def granted(rows: Rows, fact: JobGranted, stamp: Stamp) -> None:
    if fact.kind == "deploy":
        deployments.granted(rows, fact, stamp)
    elif fact.kind == "run":
        runs.granted(rows, fact, stamp)


@projects(LeaseReturned)
def lease_returned(rows: Rows, fact: LeaseReturned, stamp: Stamp) -> None:
    if is_beside(fact.job):
        runs.returned(rows, fact, stamp)
    else:
        deployments.returned(rows, fact, stamp)


@projects(JobExpired)
def job_expired(rows: Rows, fact: JobExpired, stamp: Stamp) -> None:
    """Removals expire, too: they leave no rows."""
    if is_beside(fact.job):
        runs.expired(rows, fact, stamp)
    else:
        postdeploys.expired(rows, fact, stamp)


@projects(JobClosed)
def job_closed(rows: Rows, fact: JobClosed, stamp: Stamp) -> None:
    """Only of looks and runs is it news; the end of every other job is a fact of its own."""
    if is_beside(fact.job):
        runs.closed(rows, fact, stamp)
    else:
        live.look_closed(rows, fact, stamp)
