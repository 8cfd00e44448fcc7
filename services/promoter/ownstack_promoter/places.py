"""Places: one app on one stack, where at most one run works at a time. Claims, grants, leases and their ends."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ownstack_contracts.jobs import StackJob
from ownstack_contracts.leases import JobClaimed, JobClosed, JobGranted, JobKind, LeaseReturned, RunReport
from ownstack_contracts.message import Message
from ownstack_promoter.dispatch import Moment, decides, evolves
from ownstack_promoter.model import App
from ownstack_promoter.team import Team
from ownstack_promoter.underway import Grant, Job, Place, place_of


def whereabouts(team: Team, app: str, app_id: str, stack: str) -> dict[str, Any]:
    """What every job says: which app on which stack, and how that stack is reached."""
    place = team.stacks[stack]
    return {
        "app": app,
        "app_id": app_id,
        "stack": stack,
        "driver": place.driver,
        "address": place.address,
        "settings": place.settings,
    }


def deadlines(app: App, moment: Moment) -> dict[str, Any]:
    """Until when a job waits (ms since the epoch), and how long it may run (s)."""
    return {
        "waiting_until": moment.now + app.settings.waiting_deadline * 1_000,
        "running_deadline": app.settings.running_deadline,
    }


def open_job(team: Team, kind: JobKind, request: StackJob, rollout: str | None = None) -> Job:
    """Fold a request: the job waits to be claimed. Looks wait as long as it takes, unless something waits for them."""
    place = place_of(request)
    job = team.jobs[request.job] = Job(kind, request, rollout, asked_at=team.sequence)
    if kind != "run":
        team.generations[place] = max(team.generations.get(place, 0), request.generation)
    if kind == "look":
        team.looking[place] = request.job
    if kind in ("look", "remove"):
        team.job_numbers[place] = team.job_numbers.get(place, 0) + 1
    if kind != "look" or team.is_awaited(request.job):
        team.timers.set(f"waiting:{request.job}", request.waiting_until)
    return job


def close_job(team: Team, name: str) -> None:
    """Fold the end of a job. Its run may still hold the place, until it says so or its lease lapses."""
    job = team.jobs.pop(name, None)
    if job is not None and team.looking.get(job.place) == name:
        del team.looking[job.place]
    if (promotion := team.awaited.pop(name, None)) is not None:
        team.lookings[promotion].looks.discard(name)
    team.timers.cancel(f"waiting:{name}")
    team.timers.cancel(f"running:{name}")


def holds(team: Team, place: Place, run: str, job: str) -> bool:
    """Whether this run holds the place, for this job."""
    grant = team.grants.get(place)
    return grant is not None and (grant.run, grant.job) == (run, job)


def holder(team: Team, report: RunReport) -> Job | None:
    """The open job that the reporting run was granted; None: it reports too late, or for another."""
    if not holds(team, place_of(report), report.run, report.job):
        return None
    return team.jobs.get(report.job)


def holder_lately(team: Team, report: RunReport) -> Job | None:
    """As `holder`; also the job of a run whose lease has lapsed, as long as nobody was granted the place since.

    What such a run reports is as true as it was: it may have lost its lease to a clock that was put forward.
    """
    if (job := holder(team, report)) is not None:
        return job
    job = team.jobs.get(report.job)
    if job is None or job.place != place_of(report):
        return None
    return job if job.last_run == report.run and team.is_idle_at(job.place) else None


def end_grant(team: Team, place: Place, run: str, *, given_back: bool = False) -> None:
    """Fold the end of a run: the place is free, and the run is never granted again."""
    grant = team.grants.get(place)
    if grant is None or grant.run != run:
        return
    del team.grants[place]
    if (job := team.jobs.get(grant.job)) is not None:
        job.past_runs.add(run)
        job.uncertain = job.uncertain or not given_back


def give_back(team: Team, report: RunReport) -> Iterator[LeaseReturned]:
    """The run has ended and its job is over: only its place is to be freed, if it still holds it."""
    if holds(team, place_of(report), report.run, report.job):
        yield LeaseReturned(job=report.job, run=report.run, app=report.app, stack=report.stack)


@decides(JobClaimed)
def claim(team: Team, report: JobClaimed, moment: Moment) -> Iterator[Message]:
    place = place_of(report)
    job = team.jobs.get(report.job)
    if job is None or job.place != place:
        yield JobClosed(job=report.job, app=report.app, stack=report.stack, reason="ended")
        return
    if not team.is_idle_at(place) and not holds(team, place, report.run, report.job):
        return  # it waits, and claims again
    if report.run in job.past_runs or _is_past_its_deadline(job, moment):
        return
    if job.kind in ("postdeploy", "run") and job.uncertain:
        return  # once ever: what it did nobody knows, and its deadline will say so
    yield JobGranted(
        job=report.job,
        kind=job.kind,
        run=report.run,
        app=report.app,
        stack=report.stack,
        lease=moment.lease,
        uncertain=job.uncertain,
        release_task_done=job.release_task_done,
        release_task_began=job.release_task_began,
        running_until=job.running_until or moment.now + job.request.running_deadline * 1_000,
    )


def _is_past_its_deadline(job: Job, moment: Moment) -> bool:
    if job.running_until is None:
        return job.kind != "look" and moment.now >= job.request.waiting_until
    return moment.now >= job.running_until


@evolves(JobGranted)
def granted(team: Team, fact: JobGranted) -> None:
    team.grants[place_of(fact)] = Grant(fact.run, fact.job, fact.kind)
    job = team.jobs[fact.job]
    job.last_run = fact.run
    if job.running_until is None:
        job.running_until = fact.running_until
        team.timers.cancel(f"waiting:{fact.job}")
        team.timers.set(f"running:{fact.job}", fact.running_until)
    if job.kind == "deploy" and job.rollout is not None:
        team.rollouts[job.rollout].deployments[fact.stack].state = "granted"


@evolves(JobClosed)
def closed(team: Team, fact: JobClosed) -> None:
    job = team.jobs.get(fact.job)
    if job is not None and job.place == place_of(fact):
        close_job(team, fact.job)


@decides(LeaseReturned)
def return_lease(team: Team, report: LeaseReturned, _: Moment) -> Iterator[Message]:
    yield from give_back(team, report)


@evolves(LeaseReturned)
def lease_returned(team: Team, fact: LeaseReturned) -> None:
    job = holder(team, fact)
    end_grant(team, place_of(fact), fact.run, given_back=True)
    if job is None or job.kind != "deploy" or job.uncertain:
        return
    assert job.rollout is not None
    team.rollouts[job.rollout].deployments[fact.stack].state = "asked"  # nothing has begun: it may be cancelled
