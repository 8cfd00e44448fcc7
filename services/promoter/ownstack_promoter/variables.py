"""Variables: the config of an app is set, scope by scope; what runs is released again with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ownstack_contracts.config import (
    MOST_CONFIG_BYTES,
    MOST_ROLLOUT_BYTES,
    MOST_VARIABLES,
    ConfigSet,
    ConfigValues,
)
from ownstack_contracts.message import Message
from ownstack_promoter.change import Change
from ownstack_promoter.configs import Config, Scope
from ownstack_promoter.deploys import open_deploy, opened
from ownstack_promoter.dispatch import Moment, decides, evolves
from ownstack_promoter.model import App
from ownstack_promoter.refused import Refused
from ownstack_promoter.rollouts import live_image, mixed_images, refuse_taken
from ownstack_promoter.team import Team, listed


@decides(ConfigSet)
def set_config(team: Team, command: ConfigSet, moment: Moment) -> Iterator[Message]:
    app = team.app(command.app)
    if command.app_id != app.id:
        raise Refused(
            "app-recreated",
            f"{app.name} has been created anew since its values were encrypted.",
            hint=f"ownstack config:set {app.name} … once more",
        )
    if command.stack is not None:
        team.app_on(app.name, command.stack)
    _refuse_nothing(app, command)
    refuse_too_large(_changed(_scope(app, command), command))
    if not command.review:
        refuse_too_much(app, _config_after(app, command), len(app.stacks))
    yield command
    if not command.review and command.deploy:
        concerned = tuple(app.stacks) if command.stack is None else (command.stack,)
        yield from _release(team, app, _config_after(app, command), concerned, moment)


def _scope(app: App, command: ConfigSet) -> Scope:
    if command.review:
        return app.review_config
    return app.config.shared if command.stack is None else app.config.stacks.get(command.stack, {})


def _changed(scope: Scope, command: ConfigSet) -> Scope:
    kept = {} if command.prune else {name: value for name, value in scope.items() if name not in command.unset}
    return {**kept, **command.values}


def _config_after(app: App, command: ConfigSet) -> Config:
    changed = _changed(_scope(app, command), command)
    if command.stack is None:
        return Config.of(changed, app.config.stacks)
    return app.config.with_own(command.stack, changed)


def _refuse_nothing(app: App, command: ConfigSet) -> None:
    if not (command.values or command.unset or command.prune):
        raise Refused("nothing-to-change", "No variable is given.", hint="ownstack config:set --help")
    if unknown := [name for name in command.unset if name not in _scope(app, command)]:
        raise Refused(
            "variable-unknown",
            f"{app.name} has no {listed(unknown)}{_where(command)}.",
            hint=f"ownstack config {app.name}",
        )
    if both := [name for name in command.unset if name in command.values]:
        raise Refused("variable-twice", f"{listed(both)} is both set and unset.", hint="give it once")


def _where(command: ConfigSet) -> str:
    if command.review:
        return " for its review apps"
    return f" of its own on {command.stack}" if command.stack is not None else " for all its stacks"


def refuse_too_much(app: App, config: Config, stacks: int) -> None:
    """Refuses more than what a release can take to so many stacks."""
    own = sum(_size(scope) for scope in config.stacks.values())
    if (size := stacks * _size(config.shared) + own) > MOST_ROLLOUT_BYTES:
        raise Refused(
            "config-too-large",
            f"A release of {app.name} would take {size:,} bytes of encrypted values to its {stacks:,} stacks; at most "
            f"{MOST_ROLLOUT_BYTES:,} are taken.",
            hint="put what is large into a file that the app fetches, and its address into a variable",
        )


def _size(scope: Scope) -> int:
    """In bytes."""
    return sum(len(name) + len(value.sealed) for name, value in scope.items())


def refuse_too_large(scope: Scope) -> None:
    """Refuses more than what a request to deploy can carry."""
    size = _size(scope)
    if len(scope) > MOST_VARIABLES or size > MOST_CONFIG_BYTES:
        raise Refused(
            "config-too-large",
            f"That would be {len(scope):,} variables, {size:,} bytes when encrypted; at most {MOST_VARIABLES:,} "
            f"variables and {MOST_CONFIG_BYTES:,} bytes together are kept.",
            hint="put what is large into a file that the app fetches, and its address into a variable",
        )


def _release(team: Team, app: App, config: Config, concerned: Sequence[str], moment: Moment) -> Iterator[Message]:
    """Release what is live once more, where its config is another now; unless a deployment that waits will. A promotion
    that waits may be cancelled."""
    stacks = [s for s in concerned if _will_run_with(team, app, s) not in (None, config.fingerprint_on(s))]
    waiting = (team.rollouts[name] for name in app.queue)
    if not stacks or any(w.kind == "deploy" and set(stacks) <= set(w.stacks) for w in waiting):
        return
    refuse_taken(team, moment.id)
    image = None
    if app.active is None and (image := live_image(app, stacks, Change())) is None:
        raise Refused(
            "release-mixed",
            mixed_images(app, stacks, Change()),
            hint="--no-deploy keeps the change for the next deployment",
        )
    fact = opened(app, image, stacks, moment, config_change=True)
    yield from open_deploy(team, fact, app, moment, Change(config=config))


def _will_run_with(team: Team, app: App, stack: str) -> str | None:
    """The fingerprint of the config that a stack has, or has once what is under way there ends well; None: none."""
    active = team.rollouts[app.active] if app.active is not None else None
    if active is not None and stack in active.open:
        return active.config.fingerprint_on(stack)
    holding = app.live.get(stack)
    return holding.config_fingerprint if holding is not None else None


@evolves(ConfigSet)
def config_set(team: Team, fact: ConfigSet) -> None:
    app = team.apps[fact.app]
    if fact.review:
        app.review_config = _changed(app.review_config, fact)
    else:
        _remember(app, fact.stack, {**_scope(app, fact), **fact.values})
        app.config = _config_after(app, fact)


def _remember(app: App, stack: str | None, names: Iterable[str]) -> None:
    """Fold: it has these variables there, or has had them until now."""
    known = app.config_names.setdefault(stack or "", {})
    for name in sorted(names):  # a message that was read again has them in another order
        known.pop(name, None)
        known[name] = None


def configure(app: App, values: ConfigValues) -> None:
    """Fold: a new app has these variables from the start."""
    app.config = Config.of(values, {})
    _remember(app, None, values)
