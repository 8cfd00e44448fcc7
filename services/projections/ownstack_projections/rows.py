"""Rows as handlers change them: a field per column, in the table's order; JSON columns hold what they stand for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Phase = list[Any]
"""phase, started_at, ended_at, outcome."""


@dataclass(slots=True)
class TeamRow:
    """`hash`: of the latest fact."""

    team: str
    created_at: int | None
    sequence: int
    hash: str


@dataclass(slots=True)
class StackRow:
    """A server."""

    team: str
    stack: str
    driver: str
    address: str
    settings: dict[str, str]
    added_at: int
    checked: dict[str, Any] | None = None


@dataclass(slots=True)
class AppRow:
    """An app in its present creation."""

    team: str
    app: str
    app_id: str
    created_at: int
    release_task: str = "each-stack"
    postdeploy: str = "once-per-promotion"
    waiting_deadline: int = 900
    running_deadline: int = 1_800
    pipeline: str | None = None
    rollout: str | None = None
    queue: list[str] = field(default_factory=list)
    retag: bool = True
    retag_to: str | None = None
    cloned_from: str | None = None
    review: dict[str, Any] | None = None
    effective: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class ConfigRow:
    """The variables of one scope of an app. Not shown in a representation: their values are secrets, though sealed."""

    team: str
    app_id: str
    stack: str
    review: bool
    variables: dict[str, dict[str, Any]] = field(default_factory=dict, repr=False)


@dataclass(slots=True)
class AppStackRow:
    """An app on a stack."""

    team: str
    app: str
    stack: str
    app_id: str
    place: int
    status: str = "unknown"
    image: str | None = None
    digest: str | None = None
    reference: str | None = None
    config_fingerprint: str | None = None
    generation: int = 0
    deployed_by: str | None = None
    release: int | None = None
    known_since: int | None = None
    at: int | None = None
    code: str | None = None
    message: str | None = None
    deployment: str | None = None
    looks: dict[str, int] = field(default_factory=dict)
    released: int | None = None
    released_digest: str | None = None
    config_keys: list[str] | None = None


@dataclass(slots=True)
class PipelineRow:
    """A pipeline."""

    team: str
    production: str
    created_at: int
    stages: list[str]
    review_apps: dict[str, Any] | None = None


@dataclass(slots=True)
class ReleaseRow:
    """A release."""

    team: str
    app_id: str
    release: int
    app: str
    image: str
    digest: str
    config_fingerprint: str
    origin: str
    rollout: str | None
    source_app: str | None
    source_release: int | None
    created_at: int
    effective: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class RolloutRow:
    """A rollout."""

    team: str
    rollout: str
    opened: int
    kind: str
    app: str
    app_id: str
    status: str
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
    behind: str | None
    superseded_by: str | None
    code: str | None
    message: str | None
    stacks: list[str]
    results: list[dict[str, Any]] | None
    rolled_back_to: int | None = None
    release_tasks: list[dict[str, Any]] = field(default_factory=list)
    reference: str | None = None
    waiting_for_image: str | None = None
    retag: dict[str, Any] | None = None
    config_change: bool = False
    image_job: str | None = None


@dataclass(slots=True)
class ImageJobRow:
    """What a registry is asked."""

    team: str
    job: str
    rollout: str


@dataclass(slots=True)
class ProgressRow:
    """What of a rollout is under way: there while anything is."""

    team: str
    rollout: str
    stacks: int = 0
    postdeploys: int = 0


@dataclass(slots=True)
class DeploymentRow:
    """A release on one stack of a rollout."""

    team: str
    rollout: str
    stack: str
    app: str
    app_id: str
    started: int
    place: int
    release: int
    attempt: int = 0
    state: str = "pending"
    code: str | None = None
    at: int | None = None


@dataclass(slots=True)
class AttemptRow:
    """An attempt at a deployment."""

    team: str
    rollout: str
    stack: str
    attempt: int
    job: str
    asked: int
    state: str
    asked_at: int
    granted_at: int | None
    ended_at: int | None
    runs: int
    lapses: int
    run: str | None
    generation: int
    phases: list[Phase]
    code: str | None = None
    message: str | None = None


@dataclass(slots=True)
class PostdeployRow:
    """An attempt at a post-deploy script."""

    team: str
    rollout: str
    stack: str
    attempt: int
    job: str
    state: str
    asked_at: int
    started_at: int | None = None
    ended_at: int | None = None
    run: str | None = None
    code: str | None = None
    message: str | None = None


@dataclass(slots=True)
class RemovalRow:
    """A removal that is under way."""

    team: str
    job: str
    generation: int


@dataclass(slots=True)
class RunRow:
    """A command that runs beside an app."""

    team: str
    run: str
    job: str
    app: str
    app_id: str
    stack: str
    command: list[str]
    status: str
    asked: int
    actor: str | None
    requested_at: int
    started_at: int | None = None
    ended_at: int | None = None
    exit_code: int | None = None
    lines: int | None = None
    code: str | None = None
    message: str | None = None


@dataclass(slots=True)
class CommandRow:
    """A command and its outcome."""

    team: str
    command: str
    type: str
    actor: str | None
    at: int
    status: str
    sequence: int
    rollout: str | None = None
    code: str | None = None
    message: str | None = None
    hint: str | None = None
