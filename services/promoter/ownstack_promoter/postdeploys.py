"""Post-deploy scripts: a job of their own, granted once ever; when its run is lost, a person decides."""

from __future__ import annotations

from ownstack_contracts.jobs import PostdeployRequested
from ownstack_contracts.outcomes import PostdeployUnknown
from ownstack_contracts.reports import PostdeployFailed, PostdeploySucceeded
from ownstack_contracts.rollouts import PostdeployOutcome
from ownstack_promoter.change import Change
from ownstack_promoter.dispatch import Moment, evolves
from ownstack_promoter.endings import rest_if_done
from ownstack_promoter.places import close_job, deadlines, end_grant, open_job, whereabouts
from ownstack_promoter.team import Team
from ownstack_promoter.underway import Job, Postdeploy, Rollout


def next_postdeploy(team: Team, rollout: Rollout, change: Change, moment: Moment) -> PostdeployRequested | None:
    """The script that runs now that all stacks have ended: on the one that went live earliest, if it is due."""
    app = team.apps[rollout.app]
    stack = change.first_live(rollout)
    if stack is None or rollout.postdeploys or rollout.postdeploy == "each-stack" or rollout.config_change:
        return None
    if rollout.postdeploy_done or change.postdeploy_done:
        return None
    if rollout.postdeploy == "once-per-app" and app.postdeployed:
        return None
    return request_postdeploy(team, rollout, stack, change, moment)


def request_postdeploy(team: Team, rollout: Rollout, stack: str, change: Change, moment: Moment) -> PostdeployRequested:
    """Ask for the script on one stack: its first attempt, or one more."""
    app = team.apps[rollout.app]
    known = rollout.postdeploys.get(stack)
    attempt = (known.attempt if known else 0) + 1
    deployment = f"{rollout.id}.{stack}"
    assert rollout.release is not None
    return PostdeployRequested(
        job=f"{deployment}#postdeploy.{attempt}",
        **whereabouts(team, app.name, app.id, stack),
        **deadlines(app, moment),
        generation=max(team.generation(app.name, stack), change.generations.get(stack, 0)),
        deployment=deployment,
        rollout=rollout.id,
        attempt=attempt,
        release=rollout.release,
        image=rollout.pinned,
        config=rollout.config.entries(stack),
    )


@evolves(PostdeployRequested)
def postdeploy_requested(team: Team, fact: PostdeployRequested) -> None:
    rollout = team.rollouts[fact.rollout]
    rollout.postdeploys[fact.stack] = Postdeploy(fact.stack, fact.attempt, fact.job)
    rollout.open_postdeploys.add(fact.stack)
    team.occupy(team.apps[fact.app], rollout.id)
    open_job(team, "postdeploy", fact, rollout.id)


def lost(job: Job) -> PostdeployUnknown:
    """The script may have run: nobody knows."""
    request = job.request
    assert job.rollout is not None
    return PostdeployUnknown(job=request.job, rollout=job.rollout, app=request.app, stack=request.stack)


@evolves(PostdeploySucceeded)
def postdeploy_succeeded(team: Team, fact: PostdeploySucceeded) -> None:
    team.apps[fact.app].postdeployed = True
    end_grant(team, (fact.app, fact.stack), fact.run)
    set_outcome(team, fact.job, "succeeded")


@evolves(PostdeployFailed)
def postdeploy_failed(team: Team, fact: PostdeployFailed) -> None:
    end_grant(team, (fact.app, fact.stack), fact.run)
    set_outcome(team, fact.job, "failed")


@evolves(PostdeployUnknown)
def postdeploy_unknown(team: Team, fact: PostdeployUnknown) -> None:
    set_outcome(team, fact.job, "unknown")


def set_outcome(team: Team, name: str, outcome: PostdeployOutcome) -> None:
    """Fold the end of a script."""
    job = team.jobs.get(name)
    close_job(team, name)
    if job is None or job.rollout is None:
        return
    rollout = team.rollouts[job.rollout]
    rollout.postdeploys[job.request.stack].outcome = outcome
    rollout.open_postdeploys.discard(job.request.stack)
    rest_if_done(team, rollout)
