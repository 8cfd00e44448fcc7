"""Stacks: the servers that apps run on."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from ownstack_contracts.message import Command
from ownstack_contracts.names import Address, Driver, StackName

SettingKey = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
SettingValue = Annotated[str, StringConstraints(max_length=1_024)]
DriverSettings = Annotated[dict[SettingKey, SettingValue], Field(max_length=32)]
"""What a driver wants to know of a stack beside its address; never a secret."""


RUN_RELEASE_TASKS = ("dokku",)
"""Drivers whose deployment runs the release task by itself, so that it can't be run on the first stack alone."""


class StackAdded(Command):
    """`stack` can be reached at `address` by `driver`."""

    stack: StackName
    driver: Driver
    address: Address = ""
    settings: DriverSettings = Field(default_factory=dict)


class StackChanged(Command):
    """What is given of `stack` changes; what is not given stays. A setting that is given empty is gone."""

    stack: StackName
    address: Address | None = None
    settings: DriverSettings = Field(default_factory=dict)


class CheckRequested(Command):
    """Check that `stack` can be used: reach it, and say in one sentence what is wrong."""

    stack: StackName


class StackRemoved(Command):
    """`stack` is used no more. Refused while apps are on it, unless `forget`: then they are left behind there."""

    stack: StackName
    forget: bool = False
