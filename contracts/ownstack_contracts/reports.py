"""Reports: what runs say of their jobs as they go, and how these ended."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ownstack_contracts.apps import ConfigKeys
from ownstack_contracts.jobs import Live
from ownstack_contracts.leases import RunReport
from ownstack_contracts.message import Report
from ownstack_contracts.names import Code, Identifier, Milliseconds, Number, StackName, Text


class ReleaseTaskStarted(RunReport):
    """The release task begins."""


class ReleaseTaskSucceeded(RunReport):
    """The release task has ended well. `ran` False: the image has none."""

    ran: bool = True


class RestartStarted(RunReport):
    """The new version starts: health checks, then the traffic turns."""


class StackDeploySucceeded(RunReport):
    """The new version serves. `postdeploy_done`: the stack has run the post-deploy script itself, as Dokku does at the
    first deployment of an app. `unchanged`: it served already, as was known; nothing was done."""

    live: Live
    postdeploy_done: bool = False
    unchanged: bool = False


class StackDeployFailed(RunReport):
    """The deployment did not come about; `live` is what serves now, None if nothing does or it is not known.

    release_task_began: False if it is sure that the release task of this run did not begin, though it was announced.
    """

    phase: Literal["look", "release-task", "restart"]
    code: Code
    message: Text
    live: Live | None = None
    release_task_began: bool = True


class PostdeployStarted(RunReport):
    """The post-deploy script begins."""


class PostdeploySucceeded(RunReport):
    """The post-deploy script has ended well."""


class PostdeployFailed(RunReport):
    """The post-deploy script failed."""

    code: Code
    message: Text


class StackObserved(RunReport):
    """What is live on the stack; None: nothing of this app. `config_keys` None: they were not asked for, or the driver
    can't tell."""

    live: Live | None = None
    config_keys: ConfigKeys | None = None


class StackLookFailed(RunReport):
    """The stack could not be looked at; what is live is unknown. `again_at`: when the promoter will ask again."""

    code: Code
    message: Text
    again_at: Milliseconds | None = None


class StackAppRemoved(RunReport):
    """The app is gone from the stack."""


class StackAppRemovalFailed(RunReport):
    """The app could not be removed from the stack."""

    code: Code
    message: Text


class StackRunEnded(RunReport):
    """The command has ended. `lines`: how many lines it printed that are kept."""

    exit_code: Annotated[int, Field(ge=0, le=255)]
    lines: Number


class StackRunFailed(RunReport):
    """The command did not come about, or did not come to an end."""

    code: Code
    message: Text


class StackChecked(Report):
    """What a check found. `code` None: the stack can be used; else `message` is what is wrong, and what to do.

    deployer: who has checked. host_key: the key that the stack showed, as a line of OpenSSH; fingerprint: of that.
    public_key: that of the deployer, as a line of OpenSSH. None: the driver has no such thing, or did not get so far.
    """

    job: Identifier
    stack: StackName
    deployer: Annotated[str, Field(max_length=200)] = ""
    code: Code | None = None
    message: Text = ""
    host_key: Annotated[str, Field(max_length=2_000)] | None = None
    fingerprint: Annotated[str, Field(max_length=100)] | None = None
    public_key: Annotated[str, Field(max_length=2_000)] | None = None
