"""Deployments: asked for, granted, phase by phase to their end; and tried again."""

from __future__ import annotations

from ownstack_contracts.jobs import StackDeployRequested
from ownstack_contracts.leases import JobGranted, LeaseLapsed, LeaseReturned, RunReport
from ownstack_contracts.outcomes import (
    StackDeployCancelled,
    StackDeployExpired,
    StackDeploySkipped,
    StackDeployUnchanged,
)
from ownstack_contracts.reports import (
    ReleaseTaskStarted,
    ReleaseTaskSucceeded,
    RestartStarted,
    StackDeployFailed,
    StackDeploySucceeded,
)
from ownstack_projections import phases
from ownstack_projections.commands import opens
from ownstack_projections.dispatch import projects
from ownstack_projections.facts import Stamp
from ownstack_projections.live import doubt, expect, is_live, see
from ownstack_projections.progress import less, more
from ownstack_projections.rows import AttemptRow
from ownstack_projections.tables import Rows
from ownstack_readmodel.effective import effective_on

SENTENCES = {
    "waiting": "No deployer began before the waiting deadline.",
    "running": "It did not end before the running deadline.",
}


@projects(StackDeployRequested)
def deploy_requested(rows: Rows, fact: StackDeployRequested, stamp: Stamp) -> None:
    deployment = rows.deployments.edit(stamp.team, fact.rollout, fact.stack)
    is_retry = deployment.state != "pending"
    deployment.attempt, deployment.state, deployment.code, deployment.at = fact.attempt, "asked", None, None
    rows.attempts.put(
        AttemptRow(
            team=stamp.team,
            rollout=fact.rollout,
            stack=fact.stack,
            attempt=fact.attempt,
            job=fact.job,
            asked=stamp.sequence,
            state="asked",
            asked_at=stamp.at,
            granted_at=None,
            ended_at=None,
            runs=0,
            lapses=0,
            run=None,
            generation=fact.generation,
            phases=[],
        )
    )
    _latest(rows, stamp.team, fact.app, fact.stack, fact.deployment)
    if is_retry:  # one that was skipped is tried for the first time
        more(rows, stamp.team, fact.rollout, fact.app, stacks=1)
        opens(rows, stamp, fact.rollout)


def _latest(rows: Rows, team: str, app: str, stack: str, deployment: str) -> None:
    if rows.app_stacks.find(team, app, stack) is not None:
        rows.app_stacks.edit(team, app, stack).deployment = deployment


@projects(StackDeployUnchanged)
def stack_unchanged(rows: Rows, fact: StackDeployUnchanged, stamp: Stamp) -> None:
    deployment = rows.deployments.edit(stamp.team, fact.rollout, fact.stack)
    deployment.state, deployment.at = "unchanged", stamp.at
    _hold_as(rows, stamp.team, fact.app, fact.stack, fact.rollout)
    _expect(rows, stamp.team, fact.app, fact.rollout, fact.stack)
    _latest(rows, stamp.team, fact.app, fact.stack, fact.deployment)
    less(rows, stamp.team, fact.rollout, stacks=1)


def _hold_as(rows: Rows, team: str, app: str, stack: str, rollout: str) -> None:
    """What the stack holds is the same as the rollout's newer release."""
    held, deployment = rows.app_stacks.find(team, app, stack), rows.deployments.find(team, rollout, stack)
    if held is None or held.status != "live" or deployment is None:
        return
    held = rows.app_stacks.edit(team, app, stack)
    held.release = deployment.release
    release = rows.releases.find(team, deployment.app_id, deployment.release)
    assert release is not None
    held.config_fingerprint = effective_on(release.effective, stack)


def _expect(rows: Rows, team: str, app: str, rollout: str, stack: str) -> None:
    """The stack holds what the rollout brings, and is expected to go on doing so."""
    deployment, brought = rows.deployments.find(team, rollout, stack), rows.rollouts.find(team, rollout)
    assert deployment is not None
    assert brought is not None
    expect(rows, team, app, stack, deployment.release, brought.digest)


@projects(StackDeploySkipped)
def stack_skipped(rows: Rows, fact: StackDeploySkipped, stamp: Stamp) -> None:
    deployment = rows.deployments.edit(stamp.team, fact.rollout, fact.stack)
    deployment.state, deployment.code, deployment.at = "skipped", fact.code, stamp.at
    less(rows, stamp.team, fact.rollout, stacks=1)


def attempt_at(rows: Rows, team: str, job: str, stack: str) -> AttemptRow | None:
    """The attempt that a job is, to be read only; None if the job is none. Its id is `<rollout>.<stack>.<attempt>`."""
    deployment, _, number = job.rpartition(".")
    if not deployment.endswith(f".{stack}") or not number.isdigit():
        return None
    return rows.attempts.find(team, deployment[: -len(stack) - 1], stack, int(number))


def _open_attempt(rows: Rows, team: str, job: str, stack: str) -> AttemptRow | None:
    """The attempt, to be changed, if it has not ended: what comes later changes nothing any more."""
    found = attempt_at(rows, team, job, stack)
    if found is None or found.ended_at is not None:
        return None
    return rows.attempts.edit(team, found.rollout, found.stack, found.attempt)


def granted(rows: Rows, fact: JobGranted, stamp: Stamp) -> None:
    """A run may work on the attempt."""
    attempt = _open_attempt(rows, stamp.team, fact.job, fact.stack)
    if attempt is None:
        return
    attempt.state, attempt.run, attempt.runs = "granted", fact.run, attempt.runs + 1
    if attempt.granted_at is None:
        attempt.granted_at = stamp.at


def returned(rows: Rows, fact: LeaseReturned, stamp: Stamp) -> None:
    """Its run has let go of the attempt, if the job is one: another may take it."""
    if (attempt := _open_attempt(rows, stamp.team, fact.job, fact.stack)) is not None:
        attempt.state = "asked"


@projects(LeaseLapsed)
def lease_lapsed(rows: Rows, fact: LeaseLapsed, stamp: Stamp) -> None:
    if (attempt := _open_attempt(rows, stamp.team, fact.job, fact.stack)) is not None:
        attempt.state, attempt.lapses = "asked", attempt.lapses + 1
        phases.end_all(attempt.phases, stamp.at, "unknown")


@projects(ReleaseTaskStarted)
def release_task_started(rows: Rows, fact: ReleaseTaskStarted, stamp: Stamp) -> None:
    _begin(rows, fact, stamp, "release-task")


@projects(RestartStarted)
def restart_started(rows: Rows, fact: RestartStarted, stamp: Stamp) -> None:
    _begin(rows, fact, stamp, "restart")


def _begin(rows: Rows, fact: RunReport, stamp: Stamp, phase: str) -> None:
    if (attempt := _open_attempt(rows, stamp.team, fact.job, fact.stack)) is not None:
        attempt.state = phase
        phases.begin(attempt.phases, phase, stamp.at)


@projects(ReleaseTaskSucceeded)
def release_task_succeeded(rows: Rows, fact: ReleaseTaskSucceeded, stamp: Stamp) -> None:
    if (attempt := _open_attempt(rows, stamp.team, fact.job, fact.stack)) is not None:
        phases.end(attempt.phases, "release-task", stamp.at, "succeeded" if fact.ran else "none")


@projects(StackDeploySucceeded)
def stack_deploy_succeeded(rows: Rows, fact: StackDeploySucceeded, stamp: Stamp) -> None:
    attempt = _end(rows, fact.job, fact.stack, stamp, "unchanged" if fact.unchanged else "succeeded")
    phases.succeeded(attempt.phases, stamp.at)
    if fact.postdeploy_done:
        phases.was(attempt.phases, "post-deploy", stamp.at)
    see(rows, stamp, fact.app, fact.stack, fact.live, stamp.sequence)
    if fact.unchanged:
        _hold_as(rows, stamp.team, fact.app, fact.stack, attempt.rollout)
    _expect(rows, stamp.team, fact.app, attempt.rollout, fact.stack)


@projects(StackDeployFailed)
def stack_deploy_failed(rows: Rows, fact: StackDeployFailed, stamp: Stamp) -> None:
    attempt = _end(rows, fact.job, fact.stack, stamp, "failed", fact.code, fact.message)
    if not fact.release_task_began:
        phases.did_not_begin(attempt.phases, "release-task", stamp.at)
    if fact.release_task_began or fact.phase != "release-task":
        phases.failed(attempt.phases, fact.phase, stamp.at)
    if fact.live is not None:
        see(rows, stamp, fact.app, fact.stack, fact.live, stamp.sequence)
    elif fact.phase != "look" and is_live(rows, stamp.team, fact.app, fact.stack):
        doubt(rows, stamp, fact.app, fact.stack)


@projects(StackDeployExpired)
def stack_deploy_expired(rows: Rows, fact: StackDeployExpired, stamp: Stamp) -> None:
    code, message = f"{fact.deadline}-deadline", SENTENCES[fact.deadline]
    attempt = _end(rows, fact.job, fact.stack, stamp, "expired", code, message)
    phases.end_all(attempt.phases, stamp.at, "unknown")
    if fact.deadline == "running":
        doubt(rows, stamp, fact.app, fact.stack)


@projects(StackDeployCancelled)
def stack_deploy_cancelled(rows: Rows, fact: StackDeployCancelled, stamp: Stamp) -> None:
    _end(rows, fact.job, fact.stack, stamp, "cancelled")


def _end(
    rows: Rows, job: str, stack: str, stamp: Stamp, state: str, code: str | None = None, message: str | None = None
) -> AttemptRow:
    """Raises KeyError if there is no such attempt under way."""
    attempt = _open_attempt(rows, stamp.team, job, stack)
    if attempt is None:
        raise KeyError(f"no attempt under way is {job}")
    attempt.state, attempt.ended_at = state, stamp.at
    attempt.code, attempt.message = code, message
    less(rows, stamp.team, attempt.rollout, stacks=1)
    return attempt
