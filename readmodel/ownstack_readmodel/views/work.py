"""What goes on: rollouts, deployments with their attempts, commands that run beside apps."""

from __future__ import annotations

from typing import Literal

from ownstack_readmodel.views.base import View

RolloutStatus = Literal[
    "resolving",
    "looking",
    "queued",
    "running",
    "succeeded",
    "partially-succeeded",
    "failed",
    "cancelled",
    "superseded",
]
DeploymentState = Literal[
    "pending",
    "asked",
    "granted",
    "release-task",
    "restart",
    "succeeded",
    "unchanged",
    "failed",
    "expired",
    "cancelled",
    "skipped",
    "superseded",
]
PostdeployState = Literal["asked", "running", "succeeded", "failed", "unknown"]
RunStatus = Literal["asked", "running", "ended", "failed", "expired", "unknown"]


class PhaseView(View):
    """A part of an attempt: look, release-task, restart, post-deploy.

    outcome none: the image has no release task. not-begun: it was announced, and it is sure that it did not begin.
    """

    phase: str
    started_at: int
    ended_at: int | None
    outcome: Literal["running", "succeeded", "failed", "unknown", "none", "not-begun"]


class AttemptView(View):
    """One attempt at a deployment. `runs`: how many runs were granted it (more than one after a crash)."""

    attempt: int
    job: str
    state: DeploymentState
    asked_at: int
    granted_at: int | None
    ended_at: int | None
    runs: int
    lapses: int = 0
    """How many of them were heard of no more, so that their lease lapsed."""
    deployer_run: str | None
    generation: int
    phases: list[PhaseView]
    code: str | None = None
    message: str | None = None


class StackResultView(View):
    """What became of a stack in a rollout, with its latest attempt."""

    stack: str
    deployment: str
    state: DeploymentState
    attempt: int
    code: str | None = None
    message: str | None = None
    started_at: int | None = None
    ended_at: int | None = None
    outcome: str | None = None
    """As the end of the rollout recorded it, whatever was retried later."""


class PostdeployView(View):
    """A post-deploy script of a rollout."""

    stack: str
    attempt: int
    job: str
    state: PostdeployState
    started_at: int | None = None
    ended_at: int | None = None
    code: str | None = None
    message: str | None = None


class ReleaseTaskView(View):
    """A release task that ran, or may have run: of this release, on this stack."""

    release: int
    stack: str
    succeeded: bool


class RetagView(View):
    """The tag that the image of a promotion gets for its app. image: what it is called there, once it has it; code and
    message: why it has none; all three None: the registry is asked."""

    tag: str
    image: str | None = None
    code: str | None = None
    message: str | None = None


class RolloutView(View):
    """A rollout of a deployment or of a promotion; of the latter `source` and `source_release` are given.

    resolving: a deployment that looks for the image that its tag `reference` means; waiting_for_image: there is none
    yet, as this sentence says. looking: a promotion that looks at its source; `source_release` is what is expected
    there. Both have no image yet; nor has a change of config (`config_change`) that waits for its turn.
    rolled_back_to: of a roll back the release whose image it is; `release_tasks`: those that had run since.
    """

    id: str
    kind: Literal["deploy", "promotion"]
    app: str
    app_id: str
    status: RolloutStatus
    release: int | None
    image: str | None
    digest: str | None
    config_fingerprint: str | None
    requester: str
    redeploy: bool
    requested_at: int
    started_at: int | None
    ended_at: int | None
    source: str | None
    source_release: int | None
    rolled_back_to: int | None
    release_tasks: list[ReleaseTaskView]
    behind: str | None
    superseded_by: str | None
    code: str | None
    message: str | None
    stacks: list[StackResultView]
    postdeploys: list[PostdeployView]
    reference: str | None = None
    waiting_for_image: str | None = None
    retag: RetagView | None = None
    config_change: bool = False


class DeploymentView(View):
    """One release of one app on one stack, with its attempts."""

    id: str
    rollout: str
    kind: Literal["deploy", "promotion"]
    app: str
    app_id: str
    stack: str
    release: int
    image: str
    digest: str
    state: DeploymentState
    attempts: list[AttemptView]
    postdeploys: list[PostdeployView]
    code: str | None = None
    message: str | None = None
    started_at: int | None = None
    ended_at: int | None = None


class RunView(View):
    """A command that runs, or ran, beside an app on a stack. `id`: of the command that asked for it.

    failed: it did not come about, or not to an end. expired: a deadline passed. unknown: its run was lost, so it may
    have run. ended: `exit_code` says how; its lines are the logs of the deployment `job`.
    """

    id: str
    job: str
    app: str
    stack: str
    command: list[str]
    status: RunStatus
    exit_code: int | None
    lines: int | None
    """How many lines it printed that are kept."""
    actor: str | None
    requested_at: int
    started_at: int | None
    ended_at: int | None
    code: str | None
    message: str | None
