"""Outcomes that no run has reported: the promoter has concluded them, from deadlines, leases and what it knows."""

from __future__ import annotations

from typing import Literal

from ownstack_contracts.message import Fact
from ownstack_contracts.names import AppName, Code, Identifier, Number, StackName


class StackDeployUnchanged(Fact):
    """The stack holds this digest and config already: there is nothing to do."""

    deployment: Identifier
    rollout: Identifier
    app: AppName
    stack: StackName
    release: Number


class StackDeployExpired(Fact):
    """A deadline of the deployment has passed: `waiting`, nobody began; `running`, it did not end."""

    job: Identifier
    deployment: Identifier
    app: AppName
    stack: StackName
    deadline: Literal["waiting", "running"]


class StackDeployCancelled(Fact):
    """The deployment was cancelled before it began."""

    job: Identifier
    deployment: Identifier
    app: AppName
    stack: StackName


class StackDeploySkipped(Fact):
    """The deployment was never asked for: the release task failed on the first stack, or the rollout was cancelled."""

    deployment: Identifier
    rollout: Identifier
    app: AppName
    stack: StackName
    code: Code


class PostdeployUnknown(Fact):
    """The run of the post-deploy script is lost: it may have run. A person decides."""

    job: Identifier
    rollout: Identifier
    app: AppName
    stack: StackName


class StackRunUnknown(Fact):
    """The run of the command is lost: it may have run."""

    job: Identifier
    app: AppName
    stack: StackName


class JobExpired(Fact):
    """A deadline of a look, a removal, a post-deploy or a command has passed."""

    job: Identifier
    app: AppName
    stack: StackName
    deadline: Literal["waiting", "running"]
