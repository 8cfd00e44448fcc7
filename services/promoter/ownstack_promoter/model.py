"""What a team is made of: plain state, changed by `evolve` alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from ownstack_contracts.apps import NO_CONFIG, PostdeployMode, ReleaseTaskMode
from ownstack_contracts.jobs import JobKind, StackJob
from ownstack_contracts.names import digest_of
from ownstack_contracts.rollouts import PostdeployOutcome, RolloutKind, StackOutcome

Place = tuple[str, str]
"""An app name and a stack name: where one operation at a time may go on."""


@dataclass(slots=True)
class Stack:
    """A server, as commands described it."""

    name: str
    driver: str
    address: str
    settings: dict[str, str]


@dataclass(slots=True)
class Settings:
    """How an app is deployed. Deadlines in seconds."""

    release_task: ReleaseTaskMode = "each-stack"
    postdeploy: PostdeployMode = "once-per-promotion"
    waiting_deadline: int = 900
    running_deadline: int = 1_800


class Release(NamedTuple):
    """An image with a config."""

    image: str
    config_fingerprint: str

    @property
    def content(self) -> tuple[str, str]:
        """What makes two releases the same on a stack."""
        return digest_of(self.image), self.config_fingerprint


class Holding(NamedTuple):
    """What a stack is known to hold of an app. `sequence`: of the fact that said so."""

    image: str
    config_fingerprint: str
    generation: int
    deployment: str | None
    release: int | None
    sequence: int

    @property
    def content(self) -> tuple[str, str]:
        """What makes it the same as a release."""
        return digest_of(self.image), self.config_fingerprint


@dataclass(slots=True)
class App:
    """An app in one of its creations."""

    name: str
    id: str
    stacks: dict[str, None]
    """In the order given, and quick to ask."""
    settings: Settings = field(default_factory=Settings)
    releases: dict[int, Release] = field(default_factory=dict)
    live: dict[str, Holding] = field(default_factory=dict)
    active: str | None = None
    """The rollout under way: none of its app starts beside it."""
    last: str | None = None
    """The rollout that started last: the one that can be retried."""
    queue: list[str] = field(default_factory=list)
    postdeployed: bool = False
    """Whether a post-deploy script has ever succeeded, for `once-per-app`."""
    looks: dict[str, int] = field(default_factory=dict)
    """Per stack, how many looks have failed in a row."""

    @property
    def next_release(self) -> int:
        return max(self.releases, default=0) + 1


@dataclass(slots=True)
class Pipeline:
    """Stages in order, the production app last."""

    name: str
    stages: list[str]


@dataclass(slots=True)
class Deployment:
    """A release on one stack of a rollout. `state` pending: not asked for yet."""

    id: str
    stack: str
    state: Literal["pending", "asked", "granted"] | StackOutcome = "pending"
    attempt: int = 0
    job: str | None = None
    code: str | None = None

    @property
    def is_open(self) -> bool:
        return self.state in ("pending", "asked", "granted")

    @property
    def holds(self) -> bool:
        """Whether the stack ended up with the release."""
        return self.state in ("succeeded", "unchanged")


@dataclass(slots=True)
class Postdeploy:
    """The post-deploy script of one deployment."""

    stack: str
    attempt: int
    job: str
    outcome: PostdeployOutcome | None = None


@dataclass(slots=True)
class Rollout:
    """How a release goes over stacks: for a deployment, or for a promotion."""

    id: str
    kind: RolloutKind
    app: str
    app_id: str
    image: str
    stacks: tuple[str, ...]
    redeploy: bool
    source: str | None = None
    source_release: int | None = None
    state: Literal["queued", "active", "ended"] = "queued"
    release: int | None = None
    config_fingerprint: str = NO_CONFIG
    cancelled: bool = False
    release_task: ReleaseTaskMode = "each-stack"
    postdeploy: PostdeployMode = "once-per-promotion"
    """Both as the app's settings were when it started."""
    release_task_done: bool = False
    deployments: dict[str, Deployment] = field(default_factory=dict)
    open: set[str] = field(default_factory=set)
    """Stacks whose deployment has not ended."""
    unasked: set[str] = field(default_factory=set)
    """Those of them that were not asked yet: with first-stack they wait for its release task."""
    first_live: str | None = None
    """The stack that went live earliest."""
    postdeploys: dict[str, Postdeploy] = field(default_factory=dict)
    open_postdeploys: set[str] = field(default_factory=set)
    """Stacks whose post-deploy script is awaited."""

    @property
    def content(self) -> tuple[str, str]:
        return digest_of(self.image), self.config_fingerprint


@dataclass(slots=True)
class Job:
    """A job that is open: asked for, and not over."""

    kind: JobKind
    request: StackJob
    rollout: str | None = None
    asked_at: int = 0
    """The team's sequence when it was asked for."""
    running_until: int | None = None
    """Set by the first grant; ms since the epoch."""
    uncertain: bool = False
    release_task_done: bool = False
    past_runs: set[str] = field(default_factory=set)
    last_run: str | None = None
    """Who was granted it last."""

    @property
    def place(self) -> Place:
        return self.request.app, self.request.stack


class Grant(NamedTuple):
    """Who may work on a place now."""

    run: str
    job: str
    kind: JobKind
