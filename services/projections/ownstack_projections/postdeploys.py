"""Post-deploy scripts: asked for, run, ended or lost; and tried again."""

from __future__ import annotations

from ownstack_contracts.jobs import PostdeployRequested
from ownstack_contracts.outcomes import JobExpired, PostdeployUnknown
from ownstack_contracts.reports import PostdeployFailed, PostdeployStarted, PostdeploySucceeded
from ownstack_projections.commands import opens
from ownstack_projections.deployments import SENTENCES
from ownstack_projections.dispatch import projects
from ownstack_projections.facts import Stamp
from ownstack_projections.progress import less, more
from ownstack_projections.rows import PostdeployRow
from ownstack_projections.tables import Rows


@projects(PostdeployRequested)
def postdeploy_requested(rows: Rows, fact: PostdeployRequested, stamp: Stamp) -> None:
    rows.postdeploys.put(PostdeployRow(stamp.team, fact.rollout, fact.stack, fact.attempt, fact.job, "asked", stamp.at))
    more(rows, stamp.team, fact.rollout, fact.app, postdeploys=1)
    opens(rows, stamp, fact.rollout)


def _script(rows: Rows, team: str, job: str, stack: str) -> PostdeployRow | None:
    """The script under way that a job is, to be changed. Its id is `<rollout>.<stack>#postdeploy.<attempt>`."""
    name, _, number = job.rpartition(".")
    ending = f".{stack}#postdeploy"
    if not name.endswith(ending) or not number.isdigit():
        return None
    key = (team, name[: -len(ending)], stack, int(number))
    found = rows.postdeploys.find(*key)
    if found is None or found.ended_at is not None:
        return None
    return rows.postdeploys.edit(*key)


@projects(PostdeployStarted)
def postdeploy_started(rows: Rows, fact: PostdeployStarted, stamp: Stamp) -> None:
    if (script := _script(rows, stamp.team, fact.job, fact.stack)) is not None:
        script.state, script.started_at, script.run = "running", stamp.at, fact.run


@projects(PostdeploySucceeded)
def postdeploy_succeeded(rows: Rows, fact: PostdeploySucceeded, stamp: Stamp) -> None:
    _end(rows, fact.job, fact.stack, stamp, "succeeded")


@projects(PostdeployFailed)
def postdeploy_failed(rows: Rows, fact: PostdeployFailed, stamp: Stamp) -> None:
    _end(rows, fact.job, fact.stack, stamp, "failed", fact.code, fact.message)


@projects(PostdeployUnknown)
def postdeploy_unknown(rows: Rows, fact: PostdeployUnknown, stamp: Stamp) -> None:
    message = "Its run was lost, so it may have run. Look, then: ownstack retry APP --postdeploy"
    _end(rows, fact.job, fact.stack, stamp, "unknown", "run-lost", message)


def expired(rows: Rows, fact: JobExpired, stamp: Stamp) -> None:
    """A deadline has passed, if the job is a script."""
    _end(rows, fact.job, fact.stack, stamp, "failed", f"{fact.deadline}-deadline", SENTENCES[fact.deadline])


def _end(
    rows: Rows, job: str, stack: str, stamp: Stamp, state: str, code: str | None = None, message: str | None = None
) -> None:
    script = _script(rows, stamp.team, job, stack)
    if script is None:
        return
    script.state, script.ended_at, script.code, script.message = state, stamp.at, code, message
    less(rows, stamp.team, script.rollout, postdeploys=1)
