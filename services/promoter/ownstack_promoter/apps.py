"""Apps: created on stacks, moved between them, set up, destroyed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ownstack_contracts.apps import (
    MOST_STACKS,
    AppCreated,
    AppDestroyed,
    AppSettingsChanged,
    AppStackAdded,
    AppStackRemoved,
    LookRequested,
)
from ownstack_contracts.config import ConfigErased
from ownstack_contracts.message import Message
from ownstack_contracts.rollouts import DeployCancelled
from ownstack_contracts.stacks import RUN_RELEASE_TASKS
from ownstack_promoter.configs import EMPTY
from ownstack_promoter.dispatch import Moment, decides, evolves
from ownstack_promoter.endings import not_begun
from ownstack_promoter.imagejobs import given_up
from ownstack_promoter.looks import close_looks, look
from ownstack_promoter.model import App, Stack
from ownstack_promoter.refused import Refused
from ownstack_promoter.removals import removal
from ownstack_promoter.stacks import forget_place
from ownstack_promoter.team import Team, listed, refuse_stackless
from ownstack_promoter.variables import refuse_too_much


@decides(AppCreated)
def create_app(team: Team, command: AppCreated, moment: Moment) -> Iterator[Message]:
    refuse_existing(team, command.app)
    if len(set(command.stacks)) != len(command.stacks):
        raise Refused("stack-twice", "A stack is named twice.", hint="name each stack once")
    for stack in command.stacks:
        team.stack(stack)
    yield command
    for stack in command.stacks:
        yield look(team, command.app, app_id_at(command.app, team.sequence + 1), stack, moment)


def refuse_existing(team: Team, app: str) -> None:
    """Refuses a name that an app has, or is about to have."""
    if app in team.apps:
        raise Refused("app-exists", f"There is an app {app} already.", hint=f"ownstack app info {app}")
    if (waiting := team.imports.get(app)) is not None:
        raise Refused(
            "app-importing", f"{app} is being taken over from {waiting.stack}.", hint="wait until that has ended"
        )


def app_id_at(app: str, sequence: int) -> str:
    """The id of the creation of `app` that stands at `sequence` in the history."""
    return f"{app}.{sequence}"


@evolves(AppCreated)
def app_created(team: Team, fact: AppCreated) -> None:
    team.apps[fact.app] = App(fact.app, app_id_at(fact.app, team.sequence), dict.fromkeys(fact.stacks))


@decides(AppStackAdded)
def add_app_stack(team: Team, command: AppStackAdded, moment: Moment) -> Iterator[Message]:
    app, stack = team.app(command.app), team.stack(command.stack)
    if stack.name in app.stacks:
        raise Refused("stack-of-app", f"{app.name} is on {stack.name} already.", hint=f"ownstack app info {app.name}")
    if len(app.stacks) >= MOST_STACKS:
        raise Refused("too-many-stacks", f"{app.name} is on {MOST_STACKS} stacks, and can't be on more.")
    if app.settings.release_task == "first-stack":
        refuse_first_stack(app.name, [stack])
    refuse_too_much(app, app.config, len(app.stacks) + 1)
    yield command
    yield look(team, app.name, app.id, stack.name, moment)


@evolves(AppStackAdded)
def app_stack_added(team: Team, fact: AppStackAdded) -> None:
    team.apps[fact.app].stacks[fact.stack] = None


@decides(AppStackRemoved)
def remove_app_stack(team: Team, command: AppStackRemoved, moment: Moment) -> Iterator[Message]:
    app = team.app_on(command.app, command.stack)
    team.refuse_busy(app)
    yield command
    yield from close_looks(team, app, (command.stack,))
    yield removal(team, app, command.stack, moment)


@evolves(AppStackRemoved)
def app_stack_removed(team: Team, fact: AppStackRemoved) -> None:
    forget_place(team, team.apps[fact.app], fact.stack)


@decides(AppDestroyed)
def destroy_app(team: Team, command: AppDestroyed, moment: Moment) -> Iterator[Message]:
    app = team.app(command.app)
    if pipeline := team.pipeline_with(app.name):
        raise Refused(
            "app-in-pipeline",
            f"{app.name} is a stage of the pipeline of {pipeline.name}.",
            hint=f"ownstack app pipeline remove {app.name}"
            if pipeline.name == app.name
            else f"ownstack app pipeline remove-stage {pipeline.name} {app.name}",
        )
    team.refuse_under_way(app)
    yield from go(team, app, moment)


def go(team: Team, app: App, moment: Moment) -> Iterator[Message]:
    """The app is destroyed: nothing waits for its images, its stacks remove it, and nobody can read its config."""
    yield AppDestroyed(app=app.name)
    yield from cancel_resolving(team, app)
    yield ConfigErased(app=app.name, app_id=app.id)
    yield from close_looks(team, app, app.stacks)
    for stack in app.stacks:
        yield removal(team, app, stack, moment)


def cancel_resolving(team: Team, app: App) -> Iterator[Message]:
    """Nobody waits for the images of its deployments any more."""
    for waiting in team.resolving(app):
        yield DeployCancelled(rollout=waiting.id, app=app.name, results=not_begun(waiting, "cancelled"))
        yield from given_up(waiting)


@evolves(AppDestroyed)
def app_destroyed(team: Team, fact: AppDestroyed) -> None:
    app = team.apps.pop(fact.app)
    app.config = EMPTY
    for stack in list(app.stacks):
        forget_place(team, app, stack)
    if app.last is not None:
        team.rollouts.pop(app.last, None)
    team.forget_review(app.name)


@decides(AppSettingsChanged)
def change_settings(team: Team, command: AppSettingsChanged, _: Moment) -> Iterator[Message]:
    app = team.app(command.app)
    if command.release_task == "first-stack":
        refuse_first_stack(app.name, [team.stacks[stack] for stack in app.stacks])
    if not command.model_dump(exclude={"app"}, exclude_none=True):
        raise Refused("nothing-to-change", "No setting is given.", hint="ownstack app settings --help")
    yield command


def refuse_first_stack(app: str, stacks: Iterable[Stack]) -> None:
    """Refuses to let one stack run the release task for others that run it themselves."""
    own = [stack.name for stack in stacks if stack.driver in RUN_RELEASE_TASKS]
    if own:
        raise Refused(
            "driver-runs-release-task",
            f"The deployment on {listed(own)} runs the release task itself, so {app} can't have it run on its first "
            "stack alone.",
            hint=f"ownstack app settings {app} --release-task each-stack",
        )


@decides(LookRequested)
def request_look(team: Team, command: LookRequested, moment: Moment) -> Iterator[Message]:
    app = team.app(command.app) if command.stack is None else team.app_on(command.app, command.stack)
    refuse_stackless(app)
    yield command
    for stack in app.stacks if command.stack is None else (command.stack,):
        yield look(team, app.name, app.id, stack, moment)


@evolves(AppSettingsChanged)
def settings_changed(team: Team, fact: AppSettingsChanged) -> None:
    settings = team.apps[fact.app].settings
    for name, value in fact.model_dump(exclude={"app"}, exclude_none=True).items():
        setattr(settings, name, value)
