"""Asking: a rollout that has started asks those of its stacks that do not hold its release already."""

from __future__ import annotations

from collections.abc import Iterator

from ownstack_contracts.config import MOST_VARIABLES
from ownstack_contracts.jobs import StackDeployRequested
from ownstack_contracts.message import Message
from ownstack_contracts.outcomes import StackDeployUnchanged
from ownstack_promoter.change import Change, Ended
from ownstack_promoter.dispatch import Moment, evolves
from ownstack_promoter.endings import end_of
from ownstack_promoter.looks import hold_as
from ownstack_promoter.model import App
from ownstack_promoter.places import deadlines, open_job, whereabouts
from ownstack_promoter.team import Team
from ownstack_promoter.underway import Rollout

MAY_DRIFT = ("dokku", "program")
"""Drivers of stacks that people may change past us: what one is known to hold is looked at before it counts."""


def ask_stacks(
    team: Team, rollout: Rollout, app: App, change: Change, moment: Moment, release: int
) -> Iterator[Message]:
    """Ask all stacks that are to deploy the release; if there are none, the rollout ends."""
    changing = changing_stacks(team, rollout, app, change)
    believed = believed_stacks(team, rollout, changing)
    for stack in rollout.stacks:
        if stack not in changing and stack not in believed:
            yield StackDeployUnchanged(
                deployment=f"{rollout.id}.{stack}", rollout=rollout.id, app=app.name, stack=stack, release=release
            )
    one_first = rollout.release_task == "first-stack"
    for stack in believed:
        request = ask(team, app, rollout, stack, change, moment, release=release, release_task=not one_first)
        yield request.model_copy(update={"unless_live": True})
    for number, stack in enumerate(changing):
        if one_first and number > 0:
            break
        yield ask(team, app, rollout, stack, change, moment, release=release, release_task=True)
    if not changing and not believed:
        unchanged = Change(ended={s: Ended("unchanged") for s in rollout.stacks})
        yield end_of(rollout, unchanged, release)


def changing_stacks(team: Team, rollout: Rollout, app: App, change: Change) -> dict[str, None]:
    """The stacks that do not hold the release already, or soon will not, in order."""
    if rollout.redeploy:
        return dict.fromkeys(rollout.stacks)
    emptied = {job.request.stack for job in team.jobs.values() if job.kind == "remove" and job.request.app == app.name}
    held = ((stack, None if stack in emptied else change.holding(app, stack)) for stack in rollout.stacks)
    return {stack: None for stack, holding in held if holding is None or holding.content != rollout.content_on(stack)}


def believed_stacks(team: Team, rollout: Rollout, changing: dict[str, None]) -> list[str]:
    """The stacks that are known to hold the release, but may have been changed past us."""
    return [s for s in rollout.stacks if s not in changing and team.stacks[s].driver in MAY_DRIFT]


def ask(
    team: Team,
    app: App,
    rollout: Rollout,
    stack: str,
    change: Change,
    moment: Moment,
    *,
    release: int,
    release_task: bool,
) -> StackDeployRequested:
    """Ask a stack to deploy the rollout's release: one more attempt."""
    known = rollout.deployments.get(stack)
    attempt = (known.attempt if known else 0) + 1
    deployment = f"{rollout.id}.{stack}"
    return StackDeployRequested(
        job=f"{deployment}.{attempt}",
        **whereabouts(team, app.name, app.id, stack),
        **deadlines(app, moment),
        generation=change.generation(team, app.name, stack),
        deployment=deployment,
        rollout=rollout.id,
        attempt=attempt,
        release=release,
        image=rollout.pinned,
        config_fingerprint=rollout.config.fingerprint_on(stack),
        release_task=release_task,
        config=rollout.config.entries(stack),
        config_unset=_unset(app, rollout, stack),
    )


def _unset(app: App, rollout: Rollout, stack: str) -> tuple[str, ...]:
    """Whatever the app has had there and has no more: a stack that missed a release may still have it.

    Of each scope only the latest fit into a request. What only other stacks have had is not ours here.
    """
    present = rollout.config.on(stack)
    gone: dict[str, None] = {}
    for scope in ("", stack):
        names = [name for name in app.config_names.get(scope, ()) if name not in present]
        gone.update(dict.fromkeys(names[-MOST_VARIABLES:]))
    return tuple(sorted(gone))


@evolves(StackDeployUnchanged)
def stack_unchanged(team: Team, fact: StackDeployUnchanged) -> None:
    rollout = team.rollouts[fact.rollout]
    rollout.deployments[fact.stack].state = "unchanged"
    rollout.open.discard(fact.stack)
    rollout.unasked.discard(fact.stack)
    hold_as(team.apps[fact.app], fact.stack, fact.release)


@evolves(StackDeployRequested)
def deploy_requested(team: Team, fact: StackDeployRequested) -> None:
    rollout = team.rollouts[fact.rollout]
    deployment = rollout.deployments[fact.stack]
    deployment.state, deployment.attempt, deployment.job = "asked", fact.attempt, fact.job
    deployment.code = None
    rollout.open.add(fact.stack)
    rollout.unasked.discard(fact.stack)
    team.occupy(team.apps[fact.app], rollout.id)
    open_job(team, "deploy", fact, rollout.id)
