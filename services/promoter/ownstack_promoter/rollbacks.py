"""Roll backs: a new release with an older image. What release tasks have done since, it does not undo."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ownstack_contracts.jobs import StackDeployRequested
from ownstack_contracts.message import Message
from ownstack_contracts.rollouts import DeployCancelled, DeployOpened, ReleaseTaskRun, RollbackRequested
from ownstack_promoter.change import Change
from ownstack_promoter.deploys import rollout_of_deploy
from ownstack_promoter.dispatch import Moment, decides
from ownstack_promoter.endings import cancelled_in_queue, end_of, not_begun
from ownstack_promoter.imagejobs import given_up
from ownstack_promoter.model import App
from ownstack_promoter.postdeploys import next_postdeploy
from ownstack_promoter.promotions import cancel_what_has_not_begun, refuse_unknown_release
from ownstack_promoter.refused import Refused
from ownstack_promoter.rollouts import queued, refuse_taken, stacks_of, start
from ownstack_promoter.team import Team, listed, newest
from ownstack_promoter.underway import Rollout

MOST_NAMED = 1_000
"""So many release tasks are recorded with a roll back, the latest ones."""


@decides(RollbackRequested)
def roll_back(team: Team, command: RollbackRequested, moment: Moment) -> Iterator[Message]:
    app = team.app(command.app)
    refuse_taken(team, moment.id)
    stacks = stacks_of(team, app, command.stacks)
    target = _target(team, app, stacks, command.release)
    crossed = release_tasks_since(team, app, target)
    if crossed and not command.acknowledge_migrations:
        raise _unacknowledged(app, target, command.stacks or (), crossed)
    yield command
    opened = DeployOpened(
        rollout=moment.id,
        app=app.name,
        app_id=app.id,
        image=app.releases[target].image,
        stacks=stacks,
        redeploy=False,
        requester=moment.actor,
        rolled_back_to=target,
        release_tasks=tuple(crossed[-MOST_NAMED:]),
    )
    yield from _make_way(team, app, moment)
    yield opened
    rollout = rollout_of_deploy(opened)
    if (behind := _still_under_way(team, app, moment)) is not None:
        yield queued(rollout, app, behind)
    else:
        yield from start(team, rollout, app, moment)


def _target(team: Team, app: App, stacks: Sequence[str], named: int | None) -> int:
    """The release that is named, or the one that was live before the newest that is, or is about to be."""
    if named is not None:
        refuse_unknown_release(app, named)
        return named
    present = _present(team, app, stacks)
    if present is not None:
        digest, position = app.releases[present].digest, _position(app, present)
        for number in sorted(app.was_live, reverse=True):
            if number < position and app.releases[number].digest != digest:
                return number
    raise Refused(
        "nothing-to-roll-back-to",
        f"No other release of {app.name} was live before the present one.",
        hint=f"ownstack release list {app.name}, then ownstack rollback {app.name} --to vN",
    )


def _present(team: Team, app: App, stacks: Sequence[str]) -> int | None:
    """What is to be undone: the release that is being deployed, or the newest that is live on these stacks."""
    live = {number for stack in stacks if (number := _number_on(app, stack)) is not None}
    active = team.rollouts[app.active] if app.active is not None else None
    if active is not None and active.release is not None and not active.open.isdisjoint(stacks):
        live.add(active.release)
    return max(live, default=None)


def _position(app: App, number: int) -> int:
    """A release stands where the one stands whose image it has: the next roll back goes further back."""
    while (earlier := app.releases[number].image_of) is not None:
        number = earlier
    return number


def _number_on(app: App, stack: str) -> int | None:
    holding = app.live.get(stack)
    if holding is None or holding.digest is None:
        return None
    return holding.release if holding.release is not None else newest(app.releases, holding.digest)


def release_tasks_since(team: Team, app: App, target: int) -> list[ReleaseTaskRun]:
    """The release tasks that have run, or may have, or may yet, of releases after `target` with another image."""
    digest = app.releases[target].digest
    known = {number: dict(stacks) for number, stacks in app.release_tasks.items()}
    active = team.rollouts[app.active] if app.active is not None else None
    if active is not None and active.release is not None:
        for stack in active.deployments:
            if _may_yet_run_its_task(team, active, stack):
                known.setdefault(active.release, {}).setdefault(stack, False)
    return [
        ReleaseTaskRun(release=number, stack=stack, succeeded=succeeded)
        for number, stacks in sorted(known.items())
        if number > target and app.releases[number].digest != digest
        for stack, succeeded in stacks.items()
    ]


def _may_yet_run_its_task(team: Team, active: Rollout, stack: str) -> bool:
    """What was granted goes on, whatever is rolled back meanwhile."""
    deployment = active.deployments[stack]
    job = team.jobs.get(deployment.job or "")
    request = job.request if job is not None else None
    return deployment.state == "granted" and isinstance(request, StackDeployRequested) and request.release_task


def _unacknowledged(app: App, target: int, stacks: Sequence[str], crossed: list[ReleaseTaskRun]) -> Refused:
    named = listed(
        f"v{t.release} on {t.stack}{'' if t.succeeded else ' (not known to have ended well)'}" for t in crossed
    )
    on = "".join(f" --stack {stack}" for stack in stacks)
    return Refused(
        "migrations-not-acknowledged",
        f"Release tasks have run since v{target} of {app.name}, or may have, and a roll back does not undo what they "
        f"did to a database: {named}.",
        hint=f"ownstack rollback {app.name} --to v{target}{on} --acknowledge-migrations",
    )


def _make_way(team: Team, app: App, moment: Moment) -> Iterator[Message]:
    """What has not started is cancelled: what waits, and the stacks of the rollout under way that have not begun."""
    for waiting in team.resolving(app):
        yield DeployCancelled(rollout=waiting.id, app=app.name, results=not_begun(waiting, "cancelled"))
        yield from given_up(waiting)
    for name in app.queue:
        yield cancelled_in_queue(team.rollouts[name])
    if app.active is None:
        return
    active, change = team.rollouts[app.active], Change(cancelled=True)
    yield from cancel_what_has_not_begun(active, change)
    if not change.ended or _is_open(active, change):
        return
    if (request := next_postdeploy(team, active, change, moment)) is not None:
        yield request
    elif active.state != "ended":
        yield end_of(active, change, active.release)


def _still_under_way(team: Team, app: App, moment: Moment) -> str | None:
    """The rollout that goes on although the app has made way; None: there is none."""
    if app.active is None:
        return None
    active, change = team.rollouts[app.active], Change(cancelled=True)
    list(cancel_what_has_not_begun(active, change))
    if not change.ended or _is_open(active, change):
        return active.id
    return active.id if next_postdeploy(team, active, change, moment) is not None else None


def _is_open(rollout: Rollout, change: Change) -> bool:
    return change.open_stacks(rollout) > 0 or change.open_postdeploys(rollout)
