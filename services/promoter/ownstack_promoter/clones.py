"""Clones: an app that is made like another one, on one stack, with its settings and what was copied of its config."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ownstack_contracts.config import ConfigErased
from ownstack_contracts.message import Message
from ownstack_contracts.reviews import AppCloned, ReviewAppOpened, clone_id, review_app
from ownstack_contracts.stacks import RUN_RELEASE_TASKS
from ownstack_promoter.apps import refuse_existing
from ownstack_promoter.change import Change
from ownstack_promoter.deploys import open_deploy, opened
from ownstack_promoter.dispatch import Moment, decides, evolves
from ownstack_promoter.looks import look
from ownstack_promoter.model import App
from ownstack_promoter.refused import Refused
from ownstack_promoter.rollouts import live_image, refuse_taken
from ownstack_promoter.team import Team, refuse_stackless
from ownstack_promoter.variables import configure, refuse_too_large


@decides(AppCloned)
def clone(team: Team, command: AppCloned, moment: Moment) -> Iterator[Message]:
    source = team.app(command.source)
    refuse_existing(team, command.app)
    team.stack(command.stack)
    refuse_other_id(command.app, command.app_id, moment)
    refuse_too_large(command.values)
    image = _current_image(source) if command.deploy else None
    if image is not None:
        refuse_taken(team, moment.id)
    yield command
    app = cloned(team, command)
    yield look(team, app.name, app.id, command.stack, moment)
    if image is not None:
        yield from open_deploy(team, opened(app, image, (command.stack,), moment), app, moment)


def refuse_other_id(app: str, app_id: str, moment: Moment) -> None:
    """Refuses an id that is not that of the creation by this command: values were sealed for something else."""
    if app_id != (expected := clone_id(app, moment.id)):
        raise Refused(
            "app-id-invalid",
            f"The id of a creation of {app} by command {moment.id} is {expected}.",
            hint="docs/reference/messages.md says how it is made; the API makes it by itself",
        )


def erased_with(team: Team, refused: Message, command: str) -> Iterator[ConfigErased]:
    """What follows the rejection of a command whose values were sealed for an app that there will never be."""
    if isinstance(refused, AppCloned):
        name = refused.app
    elif isinstance(refused, ReviewAppOpened):
        name = review_app(refused.production, refused.number)
    else:
        return
    known = team.apps.get(name)
    if refused.app_id == clone_id(name, command) and (known is None or known.id != refused.app_id):
        yield ConfigErased(app=name, app_id=refused.app_id)


def _current_image(source: App) -> str:
    refuse_stackless(source)
    image = live_image(source, tuple(source.stacks), Change())
    if image is None:
        raise Refused(
            "nothing-to-clone",
            f"The stacks of {source.name} do not run one image that could be deployed elsewhere.",
            hint=f"ownstack app info {source.name} says what runs; or clone it without --deploy",
        )
    return image


def cloned(team: Team, fact: AppCloned) -> App:
    """The app that comes of it."""
    source = team.apps[fact.source]
    settings = replace(source.settings)
    if team.stacks[fact.stack].driver in RUN_RELEASE_TASKS:
        settings.release_task = "each-stack"  # on a single stack it comes to the same
    app = App(fact.app, fact.app_id, {fact.stack: None}, settings=settings)
    configure(app, fact.values)
    return app


@evolves(AppCloned)
def app_cloned(team: Team, fact: AppCloned) -> None:
    team.apps[fact.app] = cloned(team, fact)
