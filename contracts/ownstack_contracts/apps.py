"""Apps: what runs, on which stacks, and with which settings."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ownstack_contracts.message import Command, Fact, Many
from ownstack_contracts.names import (
    AppName,
    Code,
    ConfigKey,
    Identifier,
    Number,
    PinnedImage,
    Repository,
    Seconds,
    StackName,
    Text,
)

ReleaseTaskMode = Literal["each-stack", "first-stack"]
"""Whether the release task runs on every stack, or on the first one while the others wait for it."""

PostdeployMode = Literal["once-per-promotion", "once-per-app", "each-stack"]
"""How often the post-deploy script runs."""

ReleaseOrigin = Literal["deploy", "promotion", "rollback", "config", "found"]
"""Where a release comes from; `config`: its config changed, not its image; `found`: it was live already when its stack
was looked at."""


ConfigKeys = Annotated[Many[ConfigKey], Field(max_length=1_000)]
"""Names of config variables; never their values."""

MOST_STACKS = 5_000
"""How many stacks an app may be on: what became of each must fit into one fact of at most 1 MiB, as Kafka has it."""

NO_CONFIG = "none"
"""The config fingerprint of an app without config."""


class AppCreated(Command):
    """`app` exists, on these stacks, in this order."""

    app: AppName
    stacks: Annotated[Many[StackName], Field(max_length=MOST_STACKS)] = ()


class AppImportRequested(Command):
    """Take over `app`, which runs on `stack` under that name; with `config`, with the names of its config variables."""

    app: AppName
    stack: StackName
    config: bool = False


class AppDestroyed(Command):
    """`app` is gone; each of its stacks is asked to remove it."""

    app: AppName


class AppStackAdded(Command):
    """`app` is also on `stack`; what is live there is looked at."""

    app: AppName
    stack: StackName


class AppStackRemoved(Command):
    """`app` is on `stack` no more; the stack is asked to remove it."""

    app: AppName
    stack: StackName


class LookRequested(Command):
    """Look at what is live of `app` now: on `stack`, or on all of its stacks."""

    app: AppName
    stack: StackName | None = None


class AppSettingsChanged(Command):
    """What is given changes; what is not given stays. Deadlines in seconds.

    retag: whether an image that is promoted to this app is tagged `<app>-v<N>`. retag_to: the repository that it is
    tagged in; empty: its own.
    """

    app: AppName
    release_task: ReleaseTaskMode | None = None
    postdeploy: PostdeployMode | None = None
    waiting_deadline: Seconds | None = None
    running_deadline: Seconds | None = None
    retag: bool | None = None
    retag_to: Repository | Literal[""] | None = None


class ReleaseCreated(Fact):
    """Release `v<release>` of `app`: this image with this config."""

    app: AppName
    app_id: Identifier
    release: Number
    image: PinnedImage
    config_fingerprint: str
    origin: ReleaseOrigin
    rollout: Identifier | None = None
    source_app: AppName | None = None
    source_release: Number | None = None


class AppImported(Fact):
    """`app` exists, and is on `stack`, where it runs already. `config_keys` None: they were not asked for, or its
    driver can't tell."""

    app: AppName
    app_id: Identifier
    stack: StackName
    config_keys: ConfigKeys | None = None


class AppImportFailed(Fact):
    """`app` was not taken over from `stack`: there is no such app here."""

    app: AppName
    stack: StackName
    code: Code
    message: Text


class StackAppLeftBehind(Fact):
    """`app` may still run on `stack`, but is gone here: it could not be asked, did not manage, or was forgotten."""

    app: AppName
    app_id: Identifier
    stack: StackName
    code: Code
    message: Text
    job: Identifier | None = None
