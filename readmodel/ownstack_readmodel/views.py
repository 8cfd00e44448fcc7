"""What queries answer: the views that the API sends and the CLI prints. Times are ms since the epoch, UTC."""

from __future__ import annotations

from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict

T = TypeVar("T")

RolloutStatus = Literal["queued", "running", "succeeded", "partially-succeeded", "failed", "cancelled", "superseded"]
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


class View(BaseModel):
    """Plain data."""

    model_config = ConfigDict(frozen=True)


class Page(View, Generic[T]):
    """A part of a list; `next`: the cursor of the next part, None at the end."""

    items: list[T]
    next: str | None = None


class LiveView(View):
    """What a stack holds of an app. `release` None: an image that is none of its releases."""

    image: str
    digest: str
    release: int | None
    deployment: str | None
    generation: int
    at: int


class AppStackView(View):
    """An app on a stack. unknown: not looked at yet, or it could not be; nothing: looked at, nothing is there.

    summary: "deployed v12 abc1234" (release and the first seven digits of the digest), "nothing deployed", "unknown".
    """

    stack: str
    status: Literal["unknown", "nothing", "live"]
    summary: str
    live: LiveView | None = None
    code: str | None = None
    message: str | None = None
    deployment: str | None = None
    """The latest deployment there, if any."""


class SettingsView(View):
    """How an app is deployed. Deadlines in seconds."""

    release_task: str
    postdeploy: str
    waiting_deadline: int
    running_deadline: int


class AppView(View):
    """An app. `summary`: "shop — deployed v12 abc1234", or what differs per stack."""

    name: str
    id: str
    created_at: int
    summary: str
    current_release: int | None
    stacks: list[AppStackView]
    settings: SettingsView
    pipeline: str | None
    rollout: str | None
    """The rollout under way."""
    queue: list[str]


class StackView(View):
    """A server, and the apps on it."""

    name: str
    driver: str
    address: str
    settings: dict[str, str]
    added_at: int
    apps: list[str]


class StageView(View):
    """A stage of a pipeline: an app, and what it runs."""

    app: str
    position: int
    production: bool
    summary: str
    current_release: int | None
    stacks: list[AppStackView]
    promotion: str | None
    """The latest promotion to this stage."""


class PipelineView(View):
    """A pipeline, named after its production app; its stages in order."""

    production: str
    created_at: int
    stages: list[StageView]


class PhaseView(View):
    """A part of an attempt: look, release-task, restart, post-deploy."""

    phase: str
    started_at: int
    ended_at: int | None
    outcome: Literal["running", "succeeded", "failed", "unknown"]


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


class RolloutView(View):
    """A rollout of a deployment or of a promotion; of the latter `source` and `source_release` are given."""

    id: str
    kind: Literal["deploy", "promotion"]
    app: str
    app_id: str
    status: RolloutStatus
    release: int | None
    image: str
    digest: str
    config_fingerprint: str | None
    requester: str
    redeploy: bool
    requested_at: int
    started_at: int | None
    ended_at: int | None
    source: str | None
    source_release: int | None
    behind: str | None
    superseded_by: str | None
    code: str | None
    message: str | None
    stacks: list[StackResultView]
    postdeploys: list[PostdeployView]


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


class ReleaseView(View):
    """Release vN of an app. `live_on`: the stacks that hold it now."""

    app: str
    number: int
    image: str
    digest: str
    config_fingerprint: str
    origin: str
    rollout: str | None
    source_app: str | None
    source_release: int | None
    created_at: int
    live_on: list[str]


class LogLineView(View):
    """A line that a phase printed. `cursor` sorts lines as they came."""

    cursor: int
    deployment: str
    job: str
    stack: str
    phase: str
    number: int
    at: int
    text: str


class CommandView(View):
    """A command and its outcome. accepted: durable on the bus, not decided yet (as far as the read model knows)."""

    id: str
    type: str
    actor: str | None
    at: int
    status: Literal["accepted", "admitted", "rejected"]
    sequence: int | None = None
    rollout: str | None = None
    """The rollout or promotion that it opened."""
    code: str | None = None
    message: str | None = None
    hint: str | None = None


class FactView(View):
    """A fact as it stands in the history: `event` is the record itself, hash and all."""

    sequence: int
    type: str
    at: int
    app: str | None
    actor: str | None
    event: dict[str, Any]
