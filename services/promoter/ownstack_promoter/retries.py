"""Retries: one more attempt at what did not succeed, while it is still what the app should run."""

from __future__ import annotations

from collections.abc import Iterator

from ownstack_contracts.message import Message
from ownstack_contracts.rollouts import StackRetryRequested
from ownstack_promoter.asking import ask
from ownstack_promoter.change import Change
from ownstack_promoter.dispatch import Moment, decides
from ownstack_promoter.model import App
from ownstack_promoter.postdeploys import request_postdeploy
from ownstack_promoter.refused import Refused
from ownstack_promoter.team import Team, listed
from ownstack_promoter.underway import Rollout


@decides(StackRetryRequested)
def retry(team: Team, command: StackRetryRequested, moment: Moment) -> Iterator[Message]:
    app = team.app(command.app)
    if command.stack is None:
        rollout = _last_rollout(team, app)
        requests = list(_scripts(team, app, rollout, moment))
    else:
        team.app_on(app.name, command.stack)
        rollout = _last_rollout(team, app)
        requests = [_deployment(team, app, rollout, command.stack, moment)]
    yield command
    yield from requests


def _last_rollout(team: Team, app: App) -> Rollout:
    """A newer rollout makes all earlier ones outdated."""
    if app.last is None:
        raise Refused(
            "nothing-to-retry",
            f"{app.name} has not been deployed.",
            hint=f"ownstack deploy {app.name} --image REPO:TAG",
        )
    return team.rollouts[app.last]


def _deployment(team: Team, app: App, rollout: Rollout, stack: str, moment: Moment) -> Message:
    deployment = rollout.deployments.get(stack)
    if deployment is None:
        raise Refused(
            "retry-outdated",
            f"The latest rollout of {app.name}, {rollout.id}, does not cover {stack}: an earlier one is outdated.",
            hint=f"ownstack deploy {app.name} --image {rollout.image} --stack {stack}",
        )
    if deployment.is_open:
        raise Refused(
            "still-running", f"{app.name} is being deployed on {stack}.", hint=f"ownstack logs {app.name} --follow"
        )
    if deployment.holds:
        raise Refused(
            "nothing-to-retry",
            f"{stack} holds v{rollout.release} of {app.name}.",
            hint=f"ownstack deploy {app.name} --image {rollout.image} --stack {stack} --redeploy",
        )
    assert rollout.release is not None
    if rollout.config_change and app.config.fingerprint_on(stack) != rollout.config.fingerprint_on(stack):
        raise Refused(
            "retry-outdated",
            f"{rollout.id} was to bring a config to {stack} that has been changed since.",
            hint=f"ownstack deploy {app.name} --image {rollout.image} --stack {stack} brings the one of now",
        )
    release_task = rollout.release_task == "each-stack" or not rollout.release_task_done
    if release_task and rollout.release_task == "first-stack" and rollout.open:
        raise Refused(
            "still-running",
            f"The release task of {app.name} is being tried on {listed(sorted(rollout.open))}; {stack} waits for it.",
            hint=f"ownstack logs {app.name} --follow",
        )
    return ask(team, app, rollout, stack, Change(), moment, release=rollout.release, release_task=release_task)


def _scripts(team: Team, app: App, rollout: Rollout, moment: Moment) -> Iterator[Message]:
    failed = [s for s, p in rollout.postdeploys.items() if p.outcome in ("failed", "unknown") and s in app.stacks]
    if not failed:
        raise Refused(
            "nothing-to-retry",
            f"No post-deploy script of {rollout.app} failed in its latest rollout.",
            hint=f"ownstack app info {rollout.app}",
        )
    for stack in failed:
        yield request_postdeploy(team, rollout, stack, Change(), moment)
