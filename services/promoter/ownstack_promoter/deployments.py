"""Deployments: what their runs report, phase by phase, and what it makes of the rollout."""

from __future__ import annotations

from collections.abc import Iterator

from ownstack_contracts.jobs import Live, StackDeployRequested
from ownstack_contracts.leases import JobKind, RunReport
from ownstack_contracts.message import Message
from ownstack_contracts.outcomes import StackDeploySkipped
from ownstack_contracts.reports import (
    ReleaseTaskStarted,
    ReleaseTaskSucceeded,
    RestartStarted,
    StackDeployFailed,
    StackDeploySucceeded,
)
from ownstack_promoter.asking import ask
from ownstack_promoter.change import Change, Ended
from ownstack_promoter.dispatch import Moment, decides, evolves
from ownstack_promoter.endings import rest_if_done
from ownstack_promoter.looks import (
    forget,
    generation_of,
    hold_as,
    holding_of,
    is_news,
    late_sight,
    look_where_unknown,
    see,
)
from ownstack_promoter.places import close_job, end_grant, holder, holder_lately
from ownstack_promoter.postdeploys import request_postdeploy
from ownstack_promoter.rollouts import conclude
from ownstack_promoter.team import Team
from ownstack_promoter.underway import Job, Rollout

MOST_STACKS_NAMED = 50
"""Of so many stacks is remembered that the release task of a release has run there."""


def held(team: Team, report: RunReport, kind: JobKind) -> Job | None:
    """The open job of this kind that the reporting run was granted."""
    job = holder(team, report)
    return job if job is not None and job.kind == kind else None


def _ended(team: Team, report: RunReport) -> Job | None:
    """The deployment whose end a run reports."""
    job = holder_lately(team, report)
    return job if job is not None and job.kind == "deploy" else None


@decides(ReleaseTaskStarted)
def release_task_starts(team: Team, report: ReleaseTaskStarted, _: Moment) -> Iterator[Message]:
    if held(team, report, "deploy"):
        yield report


@evolves(ReleaseTaskStarted)
def release_task_started(team: Team, fact: ReleaseTaskStarted) -> None:
    app, rollout = team.apps[fact.app], rollout_of(team, team.jobs[fact.job])
    assert rollout.release is not None
    stacks = app.release_tasks.setdefault(rollout.release, {})
    job = team.jobs[fact.job]
    job.release_task_began, job.release_task_before = True, stacks.get(fact.stack)
    if len(stacks) < MOST_STACKS_NAMED or fact.stack in stacks:
        stacks[fact.stack] = False


def _forget_release_task(team: Team, report: RunReport) -> None:
    """It turns out that this run has run none; what an earlier one did stays."""
    app, job = team.apps[report.app], team.jobs[report.job]
    if not job.release_task_began:
        return
    rollout = rollout_of(team, job)
    assert rollout.release is not None
    stacks = app.release_tasks.get(rollout.release, {})
    if job.release_task_before is not None:
        stacks[report.stack] = job.release_task_before
    else:
        stacks.pop(report.stack, None)
    if not stacks:
        app.release_tasks.pop(rollout.release, None)


@decides(ReleaseTaskSucceeded)
def release_task_succeeds(team: Team, report: ReleaseTaskSucceeded, moment: Moment) -> Iterator[Message]:
    job = held(team, report, "deploy")
    if job is None or job.release_task_done:
        return
    yield report
    yield from _ask_those_that_waited(team, rollout_of(team, job), moment)


def rollout_of(team: Team, job: Job) -> Rollout:
    """The rollout that a deployment or its script belongs to."""
    assert job.rollout is not None
    return team.rollouts[job.rollout]


def _ask_those_that_waited(team: Team, rollout: Rollout, moment: Moment) -> Iterator[StackDeployRequested]:
    """With first-stack the others wait for its release task, which they do not run themselves."""
    assert rollout.release is not None
    for stack in pending(rollout):
        yield ask(
            team, team.apps[rollout.app], rollout, stack, Change(), moment, release=rollout.release, release_task=False
        )


def pending(rollout: Rollout) -> list[str]:
    """The stacks that were not asked yet."""
    return [s for s in rollout.stacks if s in rollout.unasked] if rollout.unasked else []


@evolves(ReleaseTaskSucceeded)
def release_task_succeeded(team: Team, fact: ReleaseTaskSucceeded) -> None:
    job = team.jobs[fact.job]
    job.release_task_done = True
    rollout = rollout_of(team, job)
    rollout.release_task_done = True
    assert rollout.release is not None
    stacks = team.apps[fact.app].release_tasks.get(rollout.release, {})
    if not fact.ran:
        _forget_release_task(team, fact)
    elif fact.stack in stacks:
        stacks[fact.stack] = True


@decides(RestartStarted)
def restart_starts(team: Team, report: RestartStarted, _: Moment) -> Iterator[Message]:
    if held(team, report, "deploy"):
        yield report


@decides(StackDeploySucceeded)
def stack_deploy_succeeds(team: Team, report: StackDeploySucceeded, moment: Moment) -> Iterator[Message]:
    job = _ended(team, report)
    if job is None:
        yield from late_sight(team, report, report.live, moment)
        return
    if report.unchanged and not _may_be_unchanged(job):
        report = report.model_copy(update={"unchanged": False})
    yield report
    rollout = rollout_of(team, job)
    change = _seen(team, report, report.live)
    change.ended[report.stack] = Ended("unchanged" if report.unchanged else "succeeded")
    change.postdeploy_done = report.postdeploy_done and not report.unchanged
    done = report.unchanged or report.postdeploy_done or rollout.config_change
    if rollout.postdeploy == "each-stack" and not done:
        yield request_postdeploy(team, rollout, report.stack, change, moment)
        change.postdeploys_asked.add(report.stack)
    task_ran = _runs_the_task(job) and not report.unchanged
    if task_ran or rollout.release_task_done:  # after a cut some may not have been asked, though it is done
        yield from _ask_those_that_waited(team, rollout, moment)
    else:
        yield from skip_if_in_vain(team, rollout, change)
    yield from conclude(team, rollout, change, moment)


def _may_be_unchanged(job: Job) -> bool:
    return isinstance(job.request, StackDeployRequested) and job.request.unless_live


def _runs_the_task(job: Job) -> bool:
    return isinstance(job.request, StackDeployRequested) and job.request.release_task


def skip_if_in_vain(team: Team, rollout: Rollout, change: Change) -> Iterator[StackDeploySkipped]:
    """Those that wait for the release task never begin once no stack is left that runs it."""
    going_on = (
        team.jobs[d.job] for s, d in rollout.deployments.items() if d.job in team.jobs and s not in change.ended
    )
    if rollout.unasked and not any(_runs_the_task(job) for job in going_on):
        yield from skip_those_that_waited(rollout, change)


def _seen(team: Team, report: RunReport, live: Live | None) -> Change:
    """What `see` will make of it: whoever ends while it holds the place saw it last."""
    change, app = Change(), team.apps[report.app]
    if live is not None:
        change.generations[report.stack] = generation_of(live)
        if is_news(team, app, report.stack, live, team.sequence):
            change.live[report.stack] = holding_of(app, report.stack, live, team.sequence + 1)
    return change


@evolves(StackDeploySucceeded)
def stack_deploy_succeeded(team: Team, fact: StackDeploySucceeded) -> None:
    end_grant(team, (fact.app, fact.stack), fact.run)
    job = team.jobs[fact.job]
    see(team, fact.app, fact.stack, fact.live, team.sequence)
    team.timers.cancel(f"look:{fact.app}@{fact.stack}")
    rollout = rollout_of(team, job)
    if fact.unchanged:
        hold_as(team.apps[fact.app], fact.stack, rollout.release)
        end_deployment(team, fact.job, Ended("unchanged"))
        return
    rollout.release_task_done = rollout.release_task_done or _runs_the_task(job)
    rollout.first_live = rollout.first_live or fact.stack
    if fact.postdeploy_done:
        rollout.postdeploy_done = team.apps[fact.app].postdeployed = True
    end_deployment(team, fact.job, Ended("succeeded"))


def end_deployment(team: Team, name: str, ended: Ended) -> None:
    """Fold the end of a deployment on a stack."""
    job = team.jobs[name]
    close_job(team, name)
    mark(team, rollout_of(team, job), job.request.stack, ended)


def mark(team: Team, rollout: Rollout, stack: str, ended: Ended) -> None:
    """Fold what became of a stack in a rollout."""
    deployment = rollout.deployments[stack]
    deployment.state, deployment.code = ended
    rollout.open.discard(stack)
    rollout.unasked.discard(stack)
    rest_if_done(team, rollout)


@decides(StackDeployFailed)
def stack_deploy_fails(team: Team, report: StackDeployFailed, moment: Moment) -> Iterator[Message]:
    job = _ended(team, report)
    if job is None:
        yield from late_sight(team, report, report.live, moment)
        return
    yield report
    rollout = rollout_of(team, job)
    change = _seen(team, report, report.live)
    change.ended[report.stack] = Ended("failed", report.code)
    if _leaves_doubt(team, report):
        change.unknown.add(report.stack)
        yield from look_where_unknown(team, team.apps[report.app], (report.stack,), moment)
    yield from skip_if_in_vain(team, rollout, change)
    yield from conclude(team, rollout, change, moment)


def _leaves_doubt(team: Team, report: StackDeployFailed) -> bool:
    """Something was known to serve there; the run touched the stack, and can't say that it still does."""
    return report.live is None and report.phase != "look" and report.stack in team.apps[report.app].live


def skip_those_that_waited(
    rollout: Rollout, change: Change, code: str = "first-stack-failed"
) -> Iterator[StackDeploySkipped]:
    """The first stack did not manage its release task: the others never begin."""
    for stack in pending(rollout):
        change.ended[stack] = Ended("skipped", code)
        yield StackDeploySkipped(
            deployment=rollout.deployments[stack].id, rollout=rollout.id, app=rollout.app, stack=stack, code=code
        )


@evolves(StackDeployFailed)
def stack_deploy_failed(team: Team, fact: StackDeployFailed) -> None:
    end_grant(team, (fact.app, fact.stack), fact.run)
    if fact.live is not None:
        see(team, fact.app, fact.stack, fact.live, team.sequence)
    elif _leaves_doubt(team, fact):
        forget(team, fact.app, fact.stack)
    if not fact.release_task_began:
        _forget_release_task(team, fact)
    end_deployment(team, fact.job, Ended("failed", fact.code))


@evolves(StackDeploySkipped)
def stack_deploy_skipped(team: Team, fact: StackDeploySkipped) -> None:
    rollout = team.rollouts[fact.rollout]
    rollout.cancelled |= fact.code == "cancelled"
    mark(team, rollout, fact.stack, Ended("skipped", fact.code))
