"""Config: the variables that an app runs with. Their values are secrets: what is said here of them is encrypted."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints, model_validator

from ownstack_contracts.apps import ConfigKeys
from ownstack_contracts.message import Command, Fact, Many, Message
from ownstack_contracts.names import AppName, ConfigKey, Identifier, StackName

MOST_VARIABLES = 500
"""How many variables an app may have in one scope: for all its stacks, for one of them, or for its review apps."""

MOST_CONFIG_BYTES = 128 * 1024
"""How many bytes the sealed values of one scope may have: about 90 KiB of plain values. They travel with every request
to deploy, which has to fit into a record."""

Sealed = Annotated[str, StringConstraints(pattern=r"^v1\.[A-Za-z0-9_-]{38,}$", max_length=120_000)]
"""An encrypted value: `v1.`, then in base64url without padding a nonce of 12 bytes, the ciphertext of AES-256-GCM, and
its tag of 16 bytes. The key is that of the app's creation; the associated data say whose variable it is."""

Fingerprint = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
"""Of a plain value: the first 16 bytes of an HMAC-SHA256 of it under a key of the team, in hexadecimal. Equal ones are
of equal values; without the key nothing is learnt of them."""


MOST_ROLLOUT_BYTES = 64 * 1024 * 1024
"""How many bytes the sealed values may have that a release of an app takes to all of its stacks together: each request
carries its own, and stands in the history for good."""

CONFIDENTIAL = frozenset(("ConfigSet", "AppCloned", "ReviewAppOpened"))
"""The types of command that carry values. Of one that can't be read only a hash is kept: they may be plain in it."""


class ConfigValue(Message):
    """A value, sealed. secret: whether it stays where it is: it leaves a production app only if that is asked for."""

    sealed: Sealed
    fingerprint: Fingerprint
    secret: bool = True


ConfigValues = Annotated[dict[ConfigKey, ConfigValue], Field(max_length=MOST_VARIABLES)]
"""Variables by their names."""


class ConfigSet(Command):
    """Variables of `app` change: for all its stacks, for `stack` alone, or (`review`) for review apps that come of it.

    values: those that are set. unset: those that are gone. prune: whether all that are not in `values` are gone.
    deploy: whether what runs is released again with them; else they wait for the next release.
    """

    app: AppName
    app_id: Identifier
    stack: StackName | None = None
    review: bool = False
    values: ConfigValues = Field(default_factory=dict)
    unset: ConfigKeys = ()
    prune: bool = False
    deploy: bool = True

    @model_validator(mode="after")
    def _is_of_one_scope(self) -> ConfigSet:
        if self.review and self.stack is not None:
            raise ValueError("review apps are on no stack of the app: give a stack, or review: true")
        return self


class ConfigErased(Fact):
    """The config of this creation of the app is gone: its data key is destroyed, and with it every value in any log."""

    app: AppName
    app_id: Identifier


class ConfigEntry(Message):
    """A variable as a job carries it. stack: set if it is the value of that stack alone; the value is sealed for it."""

    name: ConfigKey
    sealed: Sealed
    stack: StackName | None = None


ConfigEntries = Annotated[Many[ConfigEntry], Field(max_length=2 * MOST_VARIABLES)]
"""The variables that an app has on a stack, by name."""
