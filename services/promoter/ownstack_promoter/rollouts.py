"""Rollouts: admitted, queued or started, superseded, concluded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ownstack_contracts.apps import ReleaseCreated, ReleaseOrigin
from ownstack_contracts.images import ImageRetagRequested
from ownstack_contracts.jobs import StackDeployRequested
from ownstack_contracts.message import Message
from ownstack_contracts.rollouts import DeploySuperseded, RolloutQueued, RolloutStarted
from ownstack_promoter.asking import ask_stacks, believed_stacks, changing_stacks
from ownstack_promoter.change import Change
from ownstack_promoter.dispatch import Moment, evolves
from ownstack_promoter.endings import end_of, failed_before_start, not_begun, superseded
from ownstack_promoter.imagejobs import given_up, retag
from ownstack_promoter.model import App
from ownstack_promoter.postdeploys import next_postdeploy
from ownstack_promoter.refused import Refused
from ownstack_promoter.team import Team, listed, refuse_stackless
from ownstack_promoter.underway import Deployment, Rollout


def stacks_of(team: Team, app: App, asked: Sequence[str] | None) -> tuple[str, ...]:
    """The stacks that a rollout covers, in the app's order; refuses none, a stranger, and one named twice."""
    refuse_stackless(app)
    for stack in asked or ():
        team.app_on(app.name, stack)
    wanted = set(asked or app.stacks)
    if asked is not None and len(wanted) != len(asked):
        raise Refused("stack-twice", "A stack is named twice.", hint="name each stack once")
    return tuple(s for s in app.stacks if s in wanted)


def refuse_taken(team: Team, rollout: str) -> None:
    """Refuses an id that another open rollout or promotion has."""
    if rollout in team.rollouts or rollout in team.lookings or rollout in team.resolvings:
        raise Refused("id-taken", f"There is a rollout {rollout} already.", hint="publish under another id")


def admit(team: Team, rollout: Rollout, app: App, moment: Moment, change: Change | None = None) -> Iterator[Message]:
    """Start a rollout that was just opened, or let it wait; those that wait and that it covers give way."""
    if rollout.image is not None and not rollout.config_change:
        yield from supersede_resolving(team, app, rollout.id, rollout.stacks)
    if app.active is None:
        yield from start(team, rollout, app, moment, change)
        return
    for other in (team.rollouts[name] for name in app.queue):
        if not rollout.config_change and set(other.stacks) <= set(rollout.stacks):
            yield superseded(other, rollout.id)
    yield queued(rollout, app, app.active)


def supersede_resolving(team: Team, app: App, by: str, stacks: Sequence[str]) -> Iterator[Message]:
    """Deployments that still wait for their image give way to a newer one that covers their stacks."""
    for waiting in team.resolving(app):
        if waiting.id == by:
            return  # those that follow are newer
        if set(waiting.stacks) <= set(stacks):
            yield DeploySuperseded(
                rollout=waiting.id, app=app.name, results=not_begun(waiting, "superseded"), superseded_by=by
            )
            yield from given_up(waiting)


def start(team: Team, rollout: Rollout, app: App, moment: Moment, change: Change | None = None) -> Iterator[Message]:
    """Start a rollout that was just opened, now that none of its app is under way."""
    yield from _start(team, rollout, app, change or Change(), moment, app.next_release)


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


def _start(team: Team, opened: Rollout, app: App, change: Change, moment: Moment, release: int) -> Iterator[Message]:
    """The release gets its number, image and config are fixed, and its stacks are asked."""
    image = opened.image or live_image(app, opened.stacks, change)
    if image is None:
        yield failed_before_start(opened, "release-mixed", mixed_images(app, opened.stacks, change))
        return
    rollout = replace(opened, image=image, config=change.config or app.config, release_task=app.settings.release_task)
    yield ReleaseCreated(
        app=app.name,
        app_id=app.id,
        release=release,
        image=image,
        config_fingerprint=rollout.config.fingerprint,
        origin=_origin(rollout),
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
        image=image,
        config_fingerprint=rollout.config.fingerprint,
        stacks=rollout.stacks,
    )
    if _is_to_be_tagged(team, rollout, app, change):
        yield retag(rollout, app, release, moment)
    else:
        yield from ask_stacks(team, rollout, app, change, moment, release)


def _origin(rollout: Rollout) -> ReleaseOrigin:
    if rollout.config_change:
        return "config"
    return rollout.kind if rollout.rolled_back_to is None else "rollback"


def live_image(app: App, stacks: Sequence[str], change: Change) -> str | None:
    """The image that is live on each of these stacks; None: there is no such one."""
    held = [change.holding(app, stack) for stack in stacks]
    if len({holding.digest if holding else None for holding in held}) != 1 or held[0] is None:
        return None
    return held[0].image


def mixed_images(app: App, stacks: Sequence[str], change: Change) -> str:
    """Why a change of config can't be released."""
    held = ((stack, change.holding(app, stack)) for stack in stacks)
    seen = listed(f"{h.image or h.reference if h else 'nothing known'} on {stack}" for stack, h in held)
    return f"The stacks of {app.name} do not run one image that can be pulled: {seen}. Deploy one to all of them first."


def _is_to_be_tagged(team: Team, rollout: Rollout, app: App, change: Change) -> bool:
    """What is promoted is, unless it is live everywhere already."""
    if rollout.kind != "promotion" or not app.settings.retag:
        return False
    changing = changing_stacks(team, rollout, app, change)
    return bool(changing or believed_stacks(team, rollout, changing))


@evolves(RolloutStarted)
def rollout_started(team: Team, fact: RolloutStarted) -> None:
    app, rollout = team.apps[fact.app], team.rollouts[fact.rollout]
    if app.last is not None and app.last != rollout.id:
        team.rollouts.pop(app.last, None)
    if rollout.id in app.queue:
        app.queue.remove(rollout.id)
    app.last = rollout.id
    team.occupy(app, rollout.id)
    rollout.state, rollout.release = "active", fact.release
    rollout.image, rollout.config = fact.image, app.config
    rollout.release_task, rollout.postdeploy = app.settings.release_task, app.settings.postdeploy
    rollout.deployments = {s: Deployment(f"{rollout.id}.{s}", s) for s in rollout.stacks}
    rollout.open = set(rollout.stacks)
    rollout.unasked = set(rollout.stacks)


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
    release = app.next_release
    for name in app.queue:
        if name in change.over:
            continue
        started = list(_start(team, team.rollouts[name], app, change, moment, release))
        yield from started
        release += any(isinstance(fact, ReleaseCreated) for fact in started)
        if any(isinstance(fact, StackDeployRequested | ImageRetagRequested) for fact in started):
            return
