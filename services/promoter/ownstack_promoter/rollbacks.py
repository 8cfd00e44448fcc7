"""Roll backs: a new release with an older image. What release tasks have done since, it does not undo."""

from __future__ import annotations

from collections.abc import Iterator

from ownstack_contracts.message import Message
from ownstack_contracts.rollouts import DeployOpened, ReleaseTaskRun, RollbackRequested
from ownstack_promoter.change import Change
from ownstack_promoter.dispatch import Moment, decides
from ownstack_promoter.endings import cancelled_in_queue, end_of
from ownstack_promoter.model import App, Rollout
from ownstack_promoter.postdeploys import next_postdeploy
from ownstack_promoter.promotions import cancel_what_has_not_begun, refuse_unknown_release
from ownstack_promoter.refused import Refused
from ownstack_promoter.rollouts import queued, refuse_taken, rollout_of_deploy, stacks_of, start
from ownstack_promoter.team import Team, listed

MOST_NAMED = 1_000
"""So many release tasks are recorded with a roll back, the latest ones."""


@decides(RollbackRequested)
def roll_back(team: Team, command: RollbackRequested, moment: Moment) -> Iterator[Message]:
    app = team.app(command.app)
    refuse_taken(team, moment.id)
    stacks = stacks_of(team, app, command.stacks)
    target = _target(app, command.release)
    crossed = release_tasks_since(app, target)
    if crossed and not command.acknowledge_migrations:
        raise _unacknowledged(app, target, crossed)
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


def _target(app: App, named: int | None) -> int:
    """The release that is named, or the one that was live before the newest that is."""
    if named is not None:
        refuse_unknown_release(app, named)
        return named
    live = {number for stack in app.stacks if (number := _number_on(app, stack)) is not None}
    newest_live = max(live, default=None)
    if newest_live is not None:
        content = app.releases[newest_live].content
        for number in sorted(app.was_live, reverse=True):
            if number < newest_live and app.releases[number].content != content:
                return number
    raise Refused(
        "nothing-to-roll-back-to",
        f"No other release of {app.name} was live before the present one.",
        hint=f"ownstack release list {app.name}, then ownstack rollback {app.name} --to vN",
    )


def _number_on(app: App, stack: str) -> int | None:
    holding = app.live.get(stack)
    if holding is None or holding.content is None:
        return None
    if holding.release is not None:
        return holding.release
    return next((n for n in sorted(app.releases, reverse=True) if app.releases[n].content == holding.content), None)


def release_tasks_since(app: App, target: int) -> list[ReleaseTaskRun]:
    """The release tasks that have run, or may have, of releases after `target` with another image."""
    content = app.releases[target].content
    return [
        ReleaseTaskRun(release=number, stack=stack, succeeded=succeeded)
        for number, stacks in sorted(app.release_tasks.items())
        if number > target and app.releases[number].content != content
        for stack, succeeded in stacks.items()
    ]


def _unacknowledged(app: App, target: int, crossed: list[ReleaseTaskRun]) -> Refused:
    named = listed(
        f"v{t.release} on {t.stack}{'' if t.succeeded else ' (not known to have ended well)'}" for t in crossed
    )
    return Refused(
        "migrations-not-acknowledged",
        f"Release tasks have run since v{target} of {app.name}, and a roll back does not undo what they did to a "
        f"database: {named}.",
        hint=f"ownstack rollback {app.name} --to v{target} --acknowledge-migrations",
    )


def _make_way(team: Team, app: App, moment: Moment) -> Iterator[Message]:
    """What has not started is cancelled: what waits, and the stacks of the rollout under way that have not begun."""
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
