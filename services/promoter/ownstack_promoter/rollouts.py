"""Rollouts: opened, queued or started, superseded, concluded; and what is deployed without a promotion."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ownstack_contracts.apps import NO_CONFIG, ReleaseCreated
from ownstack_contracts.jobs import StackDeployRequested, StackDeployUnchanged
from ownstack_contracts.message import Message
from ownstack_contracts.names import parse_image
from ownstack_contracts.rollouts import DeployOpened, DeployRequested, RolloutQueued, RolloutStarted
from ownstack_promoter.change import Change, Ended
from ownstack_promoter.dispatch import Moment, decides, evolves
from ownstack_promoter.endings import end_of, superseded
from ownstack_promoter.looks import hold_as
from ownstack_promoter.model import App, Deployment, Rollout
from ownstack_promoter.places import deadlines, open_job, whereabouts
from ownstack_promoter.postdeploys import next_postdeploy
from ownstack_promoter.refused import Refused
from ownstack_promoter.team import Team, refuse_stackless

MAY_DRIFT = ("dokku", "program")
"""Drivers of stacks that people may change past us: what one is known to hold is looked at before it counts."""


@decides(DeployRequested)
def deploy(team: Team, command: DeployRequested, moment: Moment) -> Iterator[Message]:
    app = team.app(command.app)
    if parse_image(command.image).digest is None:
        raise Refused(
            "image-not-by-digest",
            f"{command.image} names an image that can change; a deployment takes exactly one.",
            hint="give it by digest: repo@sha256:… (docker buildx imagetools inspect REPO:TAG shows it)",
        )
    refuse_taken(team, moment.id)
    stacks = stacks_of(team, app, command.stacks)
    yield command
    opened = DeployOpened(
        rollout=moment.id,
        app=app.name,
        app_id=app.id,
        image=command.image,
        stacks=stacks,
        redeploy=command.redeploy,
        requester=moment.actor,
    )
    yield opened
    yield from admit(team, rollout_of_deploy(opened), moment)


def stacks_of(team: Team, app: App, asked: Sequence[str] | None) -> tuple[str, ...]:
    """The stacks that a rollout covers, in the app's order; refuses none, a stranger, and one named twice."""
    refuse_stackless(app)
    for stack in asked or ():
        team.app_on(app.name, stack)
    wanted = set(asked or app.stacks)
    if asked is not None and len(wanted) != len(asked):
        raise Refused("stack-twice", "A stack is named twice.", hint="name each stack once")
    return tuple(s for s in app.stacks if s in wanted)


def rollout_of_deploy(fact: DeployOpened) -> Rollout:
    """The rollout that a deployment request opens."""
    return Rollout(
        fact.rollout,
        "deploy",
        fact.app,
        fact.app_id,
        fact.image,
        tuple(fact.stacks),
        fact.redeploy,
        rolled_back_to=fact.rolled_back_to,
    )


@evolves(DeployOpened)
def deploy_opened(team: Team, fact: DeployOpened) -> None:
    team.rollouts[fact.rollout] = rollout_of_deploy(fact)


def refuse_taken(team: Team, rollout: str) -> None:
    """Refuses an id that another open rollout or promotion has."""
    if rollout in team.rollouts or rollout in team.lookings:
        raise Refused("id-taken", f"There is a rollout {rollout} already.", hint="publish under another id")


def admit(team: Team, rollout: Rollout, moment: Moment) -> Iterator[Message]:
    """Start a rollout that was just opened, or let it wait; those that wait and that it covers give way."""
    app = team.apps[rollout.app]
    if app.active is None:
        yield from start(team, rollout, app, moment)
        return
    for other in (team.rollouts[name] for name in app.queue):
        if set(other.stacks) <= set(rollout.stacks):
            yield superseded(other, rollout.id)
    yield queued(rollout, app, app.active)


def start(team: Team, rollout: Rollout, app: App, moment: Moment) -> Iterator[Message]:
    """Start a rollout that was just opened, now that none of its app is under way."""
    yield from _start(team, rollout, app, Change(), moment, app.next_release)


def queued(rollout: Rollout, app: App, behind: str) -> RolloutQueued:
    """A rollout waits for the one that is under way."""
    return RolloutQueued(
        rollout=rollout.id,
        kind=rollout.kind,
        app=app.name,
        app_id=app.id,
        image=rollout.image,
        stacks=rollout.stacks,
        behind=behind,
    )


@evolves(RolloutQueued)
def rollout_queued(team: Team, fact: RolloutQueued) -> None:
    team.apps[fact.app].queue.append(fact.rollout)


def _start(team: Team, rollout: Rollout, app: App, change: Change, moment: Moment, release: int) -> Iterator[Message]:
    """The release gets its number, its config is fixed, and its stacks are asked."""
    yield ReleaseCreated(
        app=app.name,
        app_id=app.id,
        release=release,
        image=rollout.image,
        config_fingerprint=NO_CONFIG,
        origin=rollout.kind if rollout.rolled_back_to is None else "rollback",
        rollout=rollout.id,
        source_app=rollout.source,
        source_release=rollout.source_release,
    )
    yield RolloutStarted(
        rollout=rollout.id,
        kind=rollout.kind,
        app=app.name,
        app_id=app.id,
        release=release,
        image=rollout.image,
        config_fingerprint=NO_CONFIG,
        stacks=rollout.stacks,
    )
    yield from _ask_stacks(team, rollout, app, change, moment, release)


def _ask_stacks(
    team: Team, rollout: Rollout, app: App, change: Change, moment: Moment, release: int
) -> Iterator[Message]:
    changing = _changing(team, rollout, app, change)
    believed = [s for s in rollout.stacks if s not in changing and team.stacks[s].driver in MAY_DRIFT]
    for stack in rollout.stacks:
        if stack not in changing and stack not in believed:
            yield StackDeployUnchanged(
                deployment=f"{rollout.id}.{stack}", rollout=rollout.id, app=app.name, stack=stack, release=release
            )
    one_first = app.settings.release_task == "first-stack"
    for stack in believed:
        request = ask(team, rollout, stack, change, moment, release=release, release_task=not one_first)
        yield request.model_copy(update={"unless_live": True})
    for number, stack in enumerate(changing):
        if one_first and number > 0:
            break
        yield ask(team, rollout, stack, change, moment, release=release, release_task=True)
    if not changing and not believed:
        unchanged = Change(ended={s: Ended("unchanged") for s in rollout.stacks})
        yield end_of(rollout, unchanged, release)


def _changing(team: Team, rollout: Rollout, app: App, change: Change) -> dict[str, None]:
    """The stacks that do not hold the release already, or soon will not, in order."""
    if rollout.redeploy:
        return dict.fromkeys(rollout.stacks)
    content = rollout.content
    emptied = {job.request.stack for job in team.jobs.values() if job.kind == "remove" and job.request.app == app.name}
    held = ((stack, None if stack in emptied else change.holding(app, stack)) for stack in rollout.stacks)
    return {stack: None for stack, holding in held if holding is None or holding.content != content}


def ask(
    team: Team, rollout: Rollout, stack: str, change: Change, moment: Moment, *, release: int, release_task: bool
) -> StackDeployRequested:
    """Ask a stack to deploy the rollout's release: one more attempt."""
    app = team.apps[rollout.app]
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
        image=rollout.image,
        config_fingerprint=rollout.config_fingerprint,
        release_task=release_task,
    )


@evolves(RolloutStarted)
def rollout_started(team: Team, fact: RolloutStarted) -> None:
    app, rollout = team.apps[fact.app], team.rollouts[fact.rollout]
    if app.last is not None and app.last != rollout.id:
        team.rollouts.pop(app.last, None)
    if rollout.id in app.queue:
        app.queue.remove(rollout.id)
    app.active = app.last = rollout.id
    rollout.state, rollout.release, rollout.config_fingerprint = "active", fact.release, fact.config_fingerprint
    rollout.release_task, rollout.postdeploy = app.settings.release_task, app.settings.postdeploy
    rollout.deployments = {s: Deployment(f"{rollout.id}.{s}", s) for s in rollout.stacks}
    rollout.open = set(rollout.stacks)
    rollout.unasked = set(rollout.stacks)


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
    team.apps[fact.app].active = rollout.id
    open_job(team, "deploy", fact, rollout.id)


def conclude(team: Team, rollout: Rollout, change: Change, moment: Moment) -> Iterator[Message]:
    """What follows when deployments or scripts of a rollout have ended: the script, the end, the next in the queue."""
    if change.open_stacks(rollout) > 0 or change.open_postdeploys(rollout):
        return
    if (request := next_postdeploy(team, rollout, change, moment)) is not None:
        yield request
        return
    if rollout.state != "ended":
        yield end_of(rollout, change, rollout.release)
    yield from start_next(team, team.apps[rollout.app], change, moment)


def start_next(team: Team, app: App, change: Change, moment: Moment) -> Iterator[Message]:
    """The queue goes on: one after another, until one has something to do."""
    for number, name in enumerate(app.queue):
        waiting = team.rollouts[name]
        started = list(_start(team, waiting, app, change, moment, app.next_release + number))
        yield from started
        if any(isinstance(fact, StackDeployRequested) for fact in started):
            return
