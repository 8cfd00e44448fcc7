"""Expiries: what happens when timers are due, all those of one tick together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

from ownstack_contracts.apps import AppDestroyed
from ownstack_contracts.images import ImageJob, ImageResolveRequested, ImageRetagRequested
from ownstack_contracts.jobs import StackLookRequested
from ownstack_contracts.leases import JobClosed
from ownstack_contracts.message import Message
from ownstack_contracts.outcomes import JobExpired, StackDeployExpired
from ownstack_contracts.promotions import PromotionFailed
from ownstack_contracts.reports import StackLookFailed
from ownstack_contracts.rollouts import DeployEnd
from ownstack_promoter.change import Change, Ended
from ownstack_promoter.checks import unanswered
from ownstack_promoter.deployments import end_deployment, rollout_of, skip_if_in_vain
from ownstack_promoter.deploys import unanswered_resolve
from ownstack_promoter.dispatch import Moment, evolves
from ownstack_promoter.imagejobs import unanswered_retag
from ownstack_promoter.images import image_retag_skipped
from ownstack_promoter.looks import forget, look, look_where_unknown
from ownstack_promoter.postdeploys import lost, set_outcome
from ownstack_promoter.removals import left_behind
from ownstack_promoter.reviews import close_at_rest, expire_review
from ownstack_promoter.rollouts import conclude
from ownstack_promoter.sights import look_ends_unseen
from ownstack_promoter.team import Team
from ownstack_promoter.underway import Job

Deadline = Literal["waiting", "running"]
Changes = dict[str, Change]


def expire(team: Team, moment: Moment) -> list[Message]:
    """The facts that the team's due timers come to; the team is left as it is."""
    return list(_once(_expire(team, moment)))


def _once(facts: Iterator[Message]) -> Iterator[Message]:
    """What two timers come to at the same moment happens once: another look, where a deadline leaves in doubt what is
    live; the end of a promotion that waited for two looks."""
    happened: set[str] = set()
    for fact in facts:
        if isinstance(fact, StackLookRequested | PromotionFailed):
            name = fact.job if isinstance(fact, StackLookRequested) else fact.promotion
            if name in happened:
                continue
            happened.add(name)
        yield fact


def _expire(team: Team, moment: Moment) -> Iterator[Message]:
    changes: Changes = {}
    due = [(kind, subject) for kind, _, subject in (t.partition(":") for t in team.timers.until(moment.now))]
    going = list(_review_apps_go(team, due, moment))
    yield from going
    over = {_ended_by(fact) for fact in going}
    for kind, subject in due:
        if subject in over or kind in ("expire", "close"):
            continue
        if kind == "look":
            app, _, stack = subject.partition("@")
            if app not in over:
                yield look(team, app, team.apps[app].id, stack, moment)
        elif kind == "check":
            yield unanswered(team.checks[subject])
        elif kind == "image":
            if team.image_jobs[subject].rollout not in over:
                yield from _image_expires(team, team.image_jobs[subject], moment)
        else:
            job = team.jobs[subject]
            deadline: Deadline = "waiting" if kind == "waiting" else "running"
            yield from _EXPIRIES[job.kind](team, job, deadline, moment, changes)
    for rollout, change in changes.items():
        change.over = over
        target = team.apps[team.rollouts[rollout].app]
        yield from look_where_unknown(team, target, sorted(change.unknown), moment)
        yield from skip_if_in_vain(team, team.rollouts[rollout], change)
        yield from conclude(team, team.rollouts[rollout], change, moment)


def _review_apps_go(team: Team, due: list[tuple[str, str]], moment: Moment) -> Iterator[Message]:
    for kind, subject in due:
        if kind == "expire":
            yield from expire_review(team, subject, moment)
        elif kind == "close":
            yield from close_at_rest(team, subject, moment)


def _ended_by(fact: Message) -> str:
    """The app, job or deployment that ends by it, and so does not end a second time."""
    if isinstance(fact, AppDestroyed):
        return fact.app
    return fact.job if isinstance(fact, JobClosed) else fact.rollout if isinstance(fact, DeployEnd) else ""


def _image_expires(team: Team, request: ImageJob, moment: Moment) -> Iterator[Message]:
    if isinstance(request, ImageRetagRequested):
        yield from image_retag_skipped(team, unanswered_retag(request), moment)
    elif isinstance(request, ImageResolveRequested):
        yield from unanswered_resolve(team, request)


def _change_of(job: Job, changes: Changes) -> Change:
    assert job.rollout is not None
    return changes.setdefault(job.rollout, Change())


def _closed(job: Job) -> JobClosed:
    return JobClosed(job=job.request.job, app=job.request.app, stack=job.request.stack, reason="expired")


_SENTENCES = {
    "waiting": "No deployer began before the waiting deadline.",
    "running": "It did not end before the running deadline.",
}


def _deploy_expires(team: Team, job: Job, deadline: Deadline, _: Moment, changes: Changes) -> Iterator[Message]:
    request = job.request
    deployment = rollout_of(team, job).deployments[request.stack]
    change = _change_of(job, changes)
    change.ended[request.stack] = _expired(deadline)
    if deadline == "running":
        change.unknown.add(request.stack)  # it was granted: nobody knows what it has left there
    yield StackDeployExpired(
        job=request.job, deployment=deployment.id, app=request.app, stack=request.stack, deadline=deadline
    )
    yield _closed(job)


def _expired(deadline: Deadline) -> Ended:
    return Ended("expired", f"{deadline}-deadline")


@evolves(StackDeployExpired)
def stack_deploy_expired(team: Team, fact: StackDeployExpired) -> None:
    if fact.deadline == "running":
        forget(team, fact.app, fact.stack)
    end_deployment(team, fact.job, _expired(fact.deadline))


def _postdeploy_expires(team: Team, job: Job, deadline: Deadline, _: Moment, changes: Changes) -> Iterator[Message]:
    del team
    change = _change_of(job, changes)
    if deadline == "running":
        change.postdeploys[job.request.stack] = "unknown"
        yield lost(job)
    else:
        change.postdeploys[job.request.stack] = "failed"
        yield _job_expired(job, deadline)
    yield _closed(job)


def _job_expired(job: Job, deadline: Deadline) -> JobExpired:
    return JobExpired(job=job.request.job, app=job.request.app, stack=job.request.stack, deadline=deadline)


@evolves(JobExpired)
def job_expired(team: Team, fact: JobExpired) -> None:
    job = team.jobs.get(fact.job)
    if job is not None and job.kind == "postdeploy":
        set_outcome(team, fact.job, "failed")


def _look_expires(team: Team, job: Job, deadline: Deadline, moment: Moment, __: Changes) -> Iterator[Message]:
    request = job.request
    failed = StackLookFailed(
        job=request.job,
        run="none",  # whoever holds the place keeps it until it says so or its lease lapses
        app=request.app,
        stack=request.stack,
        code=f"{deadline}-deadline",
        message=_SENTENCES[deadline],
    )
    yield from look_ends_unseen(team, failed, moment)
    yield _closed(job)


def _command_expires(_: Team, job: Job, deadline: Deadline, __: Moment, ___: Changes) -> Iterator[Message]:
    yield _job_expired(job, deadline)
    yield _closed(job)


def _removal_expires(_: Team, job: Job, deadline: Deadline, __: Moment, ___: Changes) -> Iterator[Message]:
    yield _job_expired(job, deadline)
    yield left_behind(job, f"{deadline}-deadline", _SENTENCES[deadline])
    yield _closed(job)


_EXPIRIES: dict[str, Callable[[Team, Job, Deadline, Moment, Changes], Iterator[Message]]] = {
    "deploy": _deploy_expires,
    "postdeploy": _postdeploy_expires,
    "look": _look_expires,
    "remove": _removal_expires,
    "run": _command_expires,
}
