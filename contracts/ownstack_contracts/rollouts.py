"""Rollouts: how a release goes over the stacks of an app, for a deployment or for a promotion."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from ownstack_contracts.apps import MOST_STACKS
from ownstack_contracts.jobs import RunCommand
from ownstack_contracts.message import Command, Fact, Many, Message
from ownstack_contracts.names import AppName, Code, Identifier, ImageReference, Number, PinnedImage, StackName, Text

RolloutKind = Literal["deploy", "promotion"]

StackOutcome = Literal["succeeded", "unchanged", "failed", "expired", "cancelled", "skipped", "superseded"]
"""How the deployment of a release on one stack ended."""

PostdeployOutcome = Literal["succeeded", "failed", "unknown"]

Stacks = Annotated[Many[StackName], Field(min_length=1, max_length=MOST_STACKS)]


class StackResult(Message):
    """What became of one stack in a rollout. Why, in words, stands in the facts about its deployment."""

    stack: StackName
    outcome: StackOutcome
    code: Code | None = None


class DeployRequested(Command):
    """Release `image` on the stacks of `app`, or on some of them. `redeploy`: also where it is live already."""

    app: AppName
    image: ImageReference
    stacks: Stacks | None = None
    redeploy: bool = False


class RollbackRequested(Command):
    """Release again what an older release of `app` was: `release`, or the one that was live before the current one.

    acknowledge_migrations: although release tasks have run since, which a roll back does not undo.
    """

    app: AppName
    release: Number | None = None
    stacks: Stacks | None = None
    acknowledge_migrations: bool = False


class RunRequested(Command):
    """Run `command` beside `app` on `stack`, in its image and with its config. It stands in the history for good."""

    app: AppName
    stack: StackName
    command: RunCommand


class StackRetryRequested(Command):
    """Try again what did not succeed: the deployment of `app` on `stack`, or (`postdeploy`) its post-deploy script."""

    app: AppName
    stack: StackName | None = None
    postdeploy: bool = False

    @model_validator(mode="after")
    def _names_one_thing(self) -> StackRetryRequested:
        if (self.stack is None) != self.postdeploy:
            raise ValueError("give either a stack, or postdeploy: true")
        return self


class ReleaseTaskRun(Message):
    """A release task that ran, or may have run: of this release, on this stack."""

    release: Number
    stack: StackName
    succeeded: bool


class DeployBegun(Fact):
    """A deployment of a tag begins with finding its digest."""

    rollout: Identifier
    app: AppName
    app_id: Identifier
    reference: ImageReference
    stacks: Stacks
    redeploy: bool
    requester: str


class DeployOpened(Fact):
    """What is deployed, where, by whom: recorded for good. (For a promotion, `PromotionOpened` says so.)

    image: absent: that which is live when the rollout starts. config_change: it is released because its config changed.
    rolled_back_to: for a roll back, the release whose image it is. release_tasks: those that have run since, which
    whoever asked for it has acknowledged.
    """

    rollout: Identifier
    app: AppName
    app_id: Identifier
    image: PinnedImage | None = None
    stacks: Stacks
    redeploy: bool
    requester: str
    config_change: bool = False
    rolled_back_to: Number | None = None
    release_tasks: Many[ReleaseTaskRun] = ()


class RolloutQueued(Fact):
    """The rollout waits for the one that is under way on its app."""

    rollout: Identifier
    kind: RolloutKind
    app: AppName
    app_id: Identifier
    image: PinnedImage | None = None
    stacks: Stacks
    behind: Identifier


class RolloutStarted(Fact):
    """The rollout goes: this release, over these stacks."""

    rollout: Identifier
    kind: RolloutKind
    app: AppName
    app_id: Identifier
    release: Number
    image: PinnedImage
    config_fingerprint: str
    stacks: Stacks


class DeployEnd(Fact):
    """How a requested deployment ended, with what became of each stack."""

    rollout: Identifier
    app: AppName
    release: Number | None = None
    results: Many[StackResult] = ()
    postdeploy: PostdeployOutcome | None = None
    code: Code | None = None
    message: Text | None = None


class DeploySucceeded(DeployEnd):
    """Every stack holds the release."""


class DeployPartiallySucceeded(DeployEnd):
    """Some stacks hold the release, or all do but the post-deploy script failed or its outcome is unknown."""


class DeployFailed(DeployEnd):
    """No stack took the release."""


class DeployCancelled(DeployEnd):
    """It was cancelled before every stack had begun."""


class DeploySuperseded(DeployEnd):
    """It waited, and a newer one took its place."""

    superseded_by: Identifier
