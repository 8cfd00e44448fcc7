"""What a team is made of: plain state, changed by `evolve` alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol

from ownstack_contracts.apps import NO_CONFIG, PostdeployMode, ReleaseTaskMode
from ownstack_contracts.jobs import JobKind, StackJob, is_beside
from ownstack_contracts.names import digest_of
from ownstack_contracts.rollouts import PostdeployOutcome, RolloutKind, StackOutcome

Place = tuple[str, str]
"""An app name and a stack name: where one operation at a time may go on. A command runs beside them: it has a place of
its own, `stack#job`."""


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
    rolled_back_to: int | None = None
    """Of a roll back: the release whose image it is."""

    @property
    def content(self) -> tuple[str, str]:
        """What makes two releases the same on a stack."""
        return digest_of(self.image), self.config_fingerprint


class Holding(NamedTuple):
    """What a stack is known to hold of an app. `sequence`: of the fact that said so."""

    image: str | None
    config_fingerprint: str
    generation: int
    deployment: str | None
    release: int | None
    sequence: int
    reference: str | None = None
    """What the stack calls an image that has no digest."""

    @property
    def content(self) -> tuple[str, str] | None:
        """What makes it the same as a release; None: it has no digest, and is the same as none."""
        return (digest_of(self.image), self.config_fingerprint) if self.image is not None else None


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
    was_live: set[int] = field(default_factory=set)
    """The releases that have been live on a stack."""
    release_tasks: dict[int, dict[str, bool]] = field(default_factory=dict)
    """Per release: where its release task has run, or may have, and whether it is known to have ended well."""

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
    rolled_back_to: int | None = None
    """Of a roll back: the release whose image it is."""
    postdeploy_done: bool = False
    """Whether a stack has run the post-deploy script by itself."""
    postdeploys: dict[str, Postdeploy] = field(default_factory=dict)
    open_postdeploys: set[str] = field(default_factory=set)
    """Stacks whose post-deploy script is awaited."""

    @property
    def content(self) -> tuple[str, str]:
        return digest_of(self.image), self.config_fingerprint


@dataclass(slots=True)
class Looking:
    """A promotion that has begun with a look at its source. `expected`: the release that was known to be live there."""

    id: str
    source: str
    expected: int | None
    target: str
    target_app_id: str
    stacks: tuple[str, ...]
    redeploy: bool
    requester: str
    looks: set[str]
    """The jobs that look at the stacks of the source, and have not ended."""


@dataclass(slots=True)
class Import:
    """An app that is being taken over: it is none here until it was seen on its stack."""

    app: str
    app_id: str
    stack: str
    job: str


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
    release_task_began: bool = False
    """Whether a run has said that its release task begins."""
    release_task_before: bool | None = None
    """What was known of one there before the latest run said so: whether it had ended well; None: none had run."""
    past_runs: set[str] = field(default_factory=set)
    last_run: str | None = None
    """Who was granted it last."""

    @property
    def place(self) -> Place:
        return place_of(self.request)


class Placed(Protocol):
    """What is said of a job."""

    @property
    def job(self) -> str: ...
    @property
    def app(self) -> str: ...
    @property
    def stack(self) -> str: ...


def place_of(said: Placed) -> Place:
    """Where the job goes on that something is said of."""
    return said.app, f"{said.stack}#{said.job}" if is_beside(said.job) else said.stack


class Grant(NamedTuple):
    """Who may work on a place now."""

    run: str
    job: str
    kind: JobKind
