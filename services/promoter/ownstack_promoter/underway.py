"""What is under way in a team: rollouts and what comes before them, jobs and the grants that runs hold."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol

from ownstack_contracts.apps import PostdeployMode, ReleaseTaskMode
from ownstack_contracts.jobs import StackJob, is_beside
from ownstack_contracts.leases import JobKind
from ownstack_contracts.names import digest_of
from ownstack_contracts.rollouts import PostdeployOutcome, RolloutKind, StackOutcome
from ownstack_promoter.configs import EMPTY, Config
from ownstack_promoter.model import Content

Place = tuple[str, str]
"""An app name and a stack name: where one operation at a time may go on. A command runs beside them: it has a place of
its own, `stack#job`."""


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
    image: str | None
    """None: it waits, and releases what will be live by then."""
    stacks: tuple[str, ...]
    redeploy: bool
    source: str | None = None
    source_release: int | None = None
    state: Literal["queued", "active", "ended"] = "queued"
    release: int | None = None
    config: Config = EMPTY
    config_change: bool = False
    """Whether it came of a change of config, and names no image."""
    image_job: str | None = None
    """What is done at the registry before any stack is asked."""
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
    def pinned(self) -> str:
        """The image of a rollout that has started."""
        assert self.image is not None
        return self.image

    def content_on(self, stack: str) -> Content:
        """What a stack holds that holds its release."""
        return digest_of(self.pinned), self.config.fingerprint_on(stack)


@dataclass(slots=True)
class Resolving:
    """A deployment of a tag, whose digest is being found."""

    id: str
    app: str
    app_id: str
    reference: str
    stacks: tuple[str, ...]
    redeploy: bool
    requester: str
    job: str | None = None


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
