"""What a team is made of: plain state, changed by `evolve` alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from ownstack_contracts.apps import PostdeployMode, ReleaseTaskMode
from ownstack_contracts.names import digest_of
from ownstack_promoter.configs import EMPTY, Config, Scope


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
    retag: bool = True
    retag_to: str = ""


Content = tuple[str, str]
"""What makes two releases the same on a stack: the digest, and the fingerprint of what is configured there."""


class Release(NamedTuple):
    """An image with a config."""

    image: str
    config: Config = EMPTY
    image_of: int | None = None
    """The earlier release whose image it is: of a roll back, or a change of config."""

    @property
    def digest(self) -> str:
        return digest_of(self.image)

    def content_on(self, stack: str) -> Content:
        """What a stack holds that holds this release."""
        return self.digest, self.config.fingerprint_on(stack)


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
    def digest(self) -> str | None:
        """None: it has none, and is the same as no release."""
        return digest_of(self.image) if self.image is not None else None

    @property
    def content(self) -> Content | None:
        """What makes it the same as a release; None: it has no digest."""
        return (digest_of(self.image), self.config_fingerprint) if self.image is not None else None


@dataclass(slots=True)
class App:
    """An app in one of its creations."""

    name: str
    id: str
    stacks: dict[str, None]
    """In the order given, and quick to ask."""
    settings: Settings = field(default_factory=Settings)
    config: Config = EMPTY
    review_config: Scope = field(default_factory=dict)
    """For review apps that come of it."""
    config_names: dict[str, dict[str, None]] = field(default_factory=dict)
    """All variables that it ever had, by stack ("": for all of them), the latest last: such as are gone are taken
    from its stacks."""
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
class ReviewApps:
    """How pull requests get review apps. `expires`: in seconds."""

    stack: str
    image: str
    expires: int | None
    forks: bool


@dataclass(slots=True)
class Review:
    """A review app. `at`: when its pull request was as it is known, in ms; `closing`: it is destroyed once it rests."""

    production: str
    number: int
    at: int
    closing: bool = False


@dataclass(slots=True)
class Pipeline:
    """Stages in order, the production app last."""

    name: str
    stages: list[str]
    reviews: ReviewApps | None = None


@dataclass(slots=True)
class Import:
    """An app that is being taken over: it is none here until it was seen on its stack."""

    app: str
    app_id: str
    stack: str
    job: str
