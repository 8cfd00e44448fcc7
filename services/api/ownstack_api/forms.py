"""What resource forms and `POST /commands` read. A form spells a command another way; the command has the rules."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Union

from pydantic import BaseModel, ConfigDict, Field, create_model

from ownstack_contracts.apps import MOST_STACKS, PostdeployMode, ReleaseTaskMode
from ownstack_contracts.catalog import COMMAND_TYPES
from ownstack_contracts.jobs import RunCommand
from ownstack_contracts.message import Command, Many, Message
from ownstack_contracts.names import (
    Address,
    AppName,
    Driver,
    ImageReference,
    Name,
    Number,
    Repository,
    Seconds,
    StackName,
)
from ownstack_contracts.reviews import ImageTemplate, Lifetime
from ownstack_contracts.rollouts import Stacks
from ownstack_contracts.stacks import DriverSettings


class Form(BaseModel):
    """Read strictly: a misspelt field is an error, not a wish that is passed over."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")


class CommandForm(Form):
    """A command as it stands in the contracts: its type and its data."""

    type: str
    data: Command


class NewStack(Form):
    """A stack to be added."""

    name: StackName
    driver: Driver
    address: Address = ""
    settings: DriverSettings = {}


class StackChanges(Form):
    """What of a stack is to change; what is not given stays. A setting that is given empty is gone."""

    address: Address | None = None
    settings: DriverSettings = {}


class NewApp(Form):
    """An app to be created, on these stacks, in this order."""

    name: AppName
    stacks: Annotated[Many[StackName], Field(max_length=MOST_STACKS)] = ()


class NewImport(Form):
    """An app to be taken over from the stack that it runs on; with `config`, with the names of its config variables."""

    name: AppName
    stack: StackName
    config: bool = False


class NewLook(Form):
    """The stack to look at; without it all stacks of the app."""

    stack: StackName | None = None


class NewSettings(Form):
    """Settings to be changed; what is not given stays. Deadlines in seconds. retag_to: empty for the image's own."""

    release_task: ReleaseTaskMode | None = None
    postdeploy: PostdeployMode | None = None
    waiting_deadline: Seconds | None = None
    running_deadline: Seconds | None = None
    retag: bool | None = None
    retag_to: Repository | Literal[""] | None = None


class NewDeployment(Form):
    """An image to be released on an app's stacks, or on some of them."""

    image: ImageReference
    stacks: Stacks | None = None
    redeploy: bool = False


class NewRollback(Form):
    """The release to go back to, or the one that was live before; on all stacks of the app, or on some.

    acknowledge_migrations: although release tasks have run since, which a roll back does not undo.
    """

    release: Number | None = None
    stacks: Stacks | None = None
    acknowledge_migrations: bool = False


class RetryStack(Form):
    """The stack on which to try again."""

    stack: StackName


class RetryPostdeploy(Form):
    """Run the post-deploy script again."""

    postdeploy: Literal[True]


class NewRun(Form):
    """A command to run beside an app on a stack: a program and its arguments. It stands in the history for good."""

    stack: StackName
    command: RunCommand


class NewPipeline(Form):
    """The app whose pipeline it is, its last stage."""

    production: AppName


class NewStage(Form):
    """An app to become a stage: just before production, or before the stage `before`."""

    staging: AppName
    before: AppName | None = None


class NewClone(Form):
    """An app to be made like another one, on `stack`; with `deploy`, with its image.

    config: whether its config is copied. secrets: also what stays with a production app unless it is asked for.
    """

    name: AppName
    stack: StackName
    deploy: bool = False
    config: bool = True
    secrets: bool = False


class NewReviewApps(Form):
    """How pull requests get review apps: on `stack`, with `image`, in which {number}, {sha} and {short_sha} stand for
    those of the pull request.

    expires: seconds after the last push to its pull request a review app goes by itself. forks: whether pull requests
    from forks get one, too. secrets: whether the secrets of production are copied.
    """

    stack: StackName
    image: ImageTemplate
    expires: Lifetime | None = None
    forks: bool = False
    secrets: bool = False


class NewPromotion(Form):
    """What to promote to the next stage: the app's current release, or `release`; to all of its stacks, or some."""

    release: Number | None = None
    stacks: Stacks | None = None
    redeploy: bool = False


class NewToken(Form):
    """The name of a token to be made; it is seen in the history as `token:<name>`."""

    name: Name


def _command_form(kind: type[Message]) -> type[BaseModel]:
    """The form of one command. A command whose fields can all be left out may leave out its data."""
    name = kind.type_name()
    optional = not any(field.is_required() for field in kind.model_fields.values())
    data: Any = (kind, kind() if optional and name == "TeamCreated" else ...)
    literal: Any = (Literal[name], ...)
    return create_model(f"{name}Form", __base__=Form, __doc__=kind.__doc__, type=literal, data=data)


COMMAND_FORM: Any = Annotated[
    Union[tuple(_command_form(kind) for kind in COMMAND_TYPES.values())],  # noqa: UP007 - made of the catalog
    Field(discriminator="type"),
]
"""Any command. (A union made at run time is no type for a type checker.)"""
