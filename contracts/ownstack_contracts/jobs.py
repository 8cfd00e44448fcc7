"""Jobs: what deployers are asked to do on stacks."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ownstack_contracts.apps import ConfigKeys
from ownstack_contracts.config import ConfigEntries
from ownstack_contracts.message import Fact, Many, Message
from ownstack_contracts.names import (
    Address,
    AppName,
    Driver,
    Identifier,
    Milliseconds,
    Number,
    PinnedImage,
    Seconds,
    StackName,
    TeamName,
)
from ownstack_contracts.stacks import DriverSettings

RunCommand = Annotated[
    Many[Annotated[str, Field(max_length=4_096, pattern=r"^[^\x00]*$")]], Field(min_length=1, max_length=256)
]
"""A program and its arguments, as they are given to it: no shell reads them."""


BESIDE = "#run"
"""How the ids of jobs end that run beside the others of their app and stack, instead of waiting their turn."""


def is_beside(job: str) -> bool:
    """Whether a job, by its id, is a command that runs beside what else goes on with the app."""
    return job.endswith(BESIDE)


class Live(Message):
    """What a stack holds of an app, as its driver sees it. `generation` 0: left by something other than us.

    image: None if what runs there has no digest in any registry (it was built on the stack, or deployed by a tag); then
    `reference` is what the stack calls it.
    """

    image: PinnedImage | None = None
    reference: Annotated[str, Field(max_length=600)] | None = None
    generation: Number = 0
    deployment: Identifier | None = None
    release: Number | None = None
    team: TeamName | None = None
    app_id: Identifier | None = None

    def is_foreign(self, team: str) -> bool:
        """Whether another team has left it there."""
        return self.team not in (None, team)


class StackJob(Fact):
    """One operation on one app on one stack, with all that its driver needs; `generation` is left on the stack."""

    job: Identifier
    app: AppName
    app_id: Identifier
    stack: StackName
    driver: Driver
    address: Address
    settings: DriverSettings
    generation: Number
    waiting_until: Milliseconds
    running_deadline: Seconds


class ConfiguredJob(StackJob):
    """A job that needs the variables of the app on this stack."""

    config: ConfigEntries = ()


class StackDeployRequested(ConfiguredJob):
    """Deploy `release` (`image`) on `stack`; `release_task`: whether this stack runs the release task.

    unless_live: the stack is known to hold this digest and config; deploy only if it turns out not to hold the digest.
    config_unset: the variables that were set here once, and are not any more; no others are touched.
    """

    deployment: Identifier
    rollout: Identifier
    attempt: Number
    release: Number
    image: PinnedImage
    config_fingerprint: str
    release_task: bool
    unless_live: bool = False
    config_unset: ConfigKeys = ()


class PostdeployRequested(ConfiguredJob):
    """Run the post-deploy script of the deployment on `stack`. Granted once ever."""

    deployment: Identifier
    rollout: Identifier
    attempt: Number
    release: Number
    image: PinnedImage


class StackLookRequested(StackJob):
    """Look at what is live; with `config`, also at the names of the app's config variables."""

    config: bool = False


class StackRunRequested(ConfiguredJob):
    """Run `command` beside the app, in its image and with its config. Granted once ever, and waits for no other job."""

    command: RunCommand


class StackAppRemovalRequested(StackJob):
    """Remove the app from the stack."""


class StackCheckRequested(Fact):
    """Check whether the stack can be used. Is not claimed: it changes nothing, and may be done twice."""

    job: Identifier
    stack: StackName
    driver: Driver
    address: Address
    settings: DriverSettings
    waiting_until: Milliseconds
