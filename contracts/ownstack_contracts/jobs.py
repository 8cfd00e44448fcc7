"""Jobs: what deployers are asked to do on stacks, and the claims, grants and leases under which they do it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ownstack_contracts.apps import ConfigKeys
from ownstack_contracts.config import ConfigEntries
from ownstack_contracts.message import Fact, Many, Message, Report
from ownstack_contracts.names import (
    Address,
    AppName,
    Code,
    Driver,
    Identifier,
    Milliseconds,
    Number,
    PinnedImage,
    Seconds,
    StackName,
    TeamName,
    Text,
)
from ownstack_contracts.stacks import DriverSettings

JobKind = Literal["deploy", "postdeploy", "look", "remove", "run"]

RunCommand = Annotated[
    Many[Annotated[str, Field(max_length=4_096, pattern=r"^[^\x00]*$")]], Field(min_length=1, max_length=256)
]
"""A program and its arguments, as they are given to it: no shell reads them."""

CloseReason = Literal["ended", "expired", "superseded", "cancelled"]


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


class JobClaimed(Report):
    """A run (of a deployer that received the job) wants to begin. Repeated every 5 s while it waits."""

    job: Identifier
    run: Identifier
    app: AppName
    stack: StackName
    deployer: Annotated[str, Field(max_length=200)] = ""


class JobGranted(Fact):
    """`run`, and no other, may work on `job` for `lease` seconds, longer with each heartbeat and report.

    uncertain: an earlier run's lease lapsed, so its outcome is unknown: wait for the stack-side lock and look first.
    release_task_done: the release task has been reported as succeeded by an earlier run; release_task_began: as begun.
    running_until: past it, nothing starts.
    """

    job: Identifier
    kind: JobKind
    run: Identifier
    app: AppName
    stack: StackName
    lease: Seconds
    uncertain: bool
    release_task_done: bool
    release_task_began: bool = False
    running_until: Milliseconds


class JobClosed(Fact):
    """The job is over: no run will be granted it any more."""

    job: Identifier
    app: AppName
    stack: StackName
    reason: CloseReason


class Heartbeat(Report):
    """These runs go on. Extends their leases; is no fact."""

    runs: Annotated[Many[Identifier], Field(min_length=1, max_length=1_000)]


class RunReport(Report):
    """What a run says of its job."""

    job: Identifier
    run: Identifier
    app: AppName
    stack: StackName


class LeaseReturned(RunReport):
    """The run gives its grant back before it has touched the stack."""


class LeaseLapsed(RunReport):
    """The owner of the partition heard nothing of the run for the length of its lease: the run is over."""


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


class StackCheckRequested(Fact):
    """Check whether the stack can be used. Is not claimed: it changes nothing, and may be done twice."""

    job: Identifier
    stack: StackName
    driver: Driver
    address: Address
    settings: DriverSettings
    waiting_until: Milliseconds


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


class ClockTicked(Report):
    """Time has passed: timers that are due happen. Of no team; published by the partition's owner to itself."""


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
