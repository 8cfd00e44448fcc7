"""Accounts of what apps are configured with, of images, and of review apps: what the facts so far say, and no state."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from dataclasses import dataclass, field

from ownstack_contracts.apps import (
    NO_CONFIG,
    AppCreated,
    AppDestroyed,
    AppImported,
    AppStackRemoved,
    ReleaseCreated,
)
from ownstack_contracts.config import ConfigErased, ConfigSet, ConfigValue
from ownstack_contracts.images import (
    ImageJob,
    ImageNotResolved,
    ImageReport,
    ImageResolved,
    ImageResolveRequested,
    ImageRetagged,
    ImageRetagRequested,
    ImageRetagSkipped,
)
from ownstack_contracts.jobs import PostdeployRequested, StackDeployRequested
from ownstack_contracts.message import Message
from ownstack_contracts.names import digest_of
from ownstack_contracts.outcomes import StackDeployUnchanged
from ownstack_contracts.promotions import PromotionEnd, PromotionOpened
from ownstack_contracts.reviews import AppCloned, ReviewAppClosed, ReviewAppExpired, ReviewAppOpened, review_app
from ownstack_contracts.rollouts import DeployBegun, DeployEnd, DeployOpened, RolloutStarted
from ownstack_contracts.stacks import StackRemoved

Variables = dict[str, ConfigValue]
Entry = tuple[str, str, str | None]
"""A variable as a job carries it: its name, its sealed value, and the stack whose own it is."""

SHARED = ""
"""The scope of what all stacks of an app have."""


def fingerprint(values: Variables) -> str:
    """What stands for variables and their values."""
    if not values:
        return NO_CONFIG
    pairs = sorted([name, value.fingerprint] for name, value in values.items())
    return hashlib.sha256(json.dumps(pairs, separators=(",", ":")).encode()).hexdigest()[:32]


@dataclass
class Variety:
    """The variables of one app, by scope; and those that it ever had."""

    id: str
    scopes: dict[str, Variables] = field(default_factory=lambda: defaultdict(dict))
    ever: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def on(self, stack: str) -> tuple[list[Entry], str]:
        """What a job on the stack is to carry, and its fingerprint."""
        own = self.scopes[stack]
        both = {**self.scopes[SHARED], **own}
        entries = [(name, value.sealed, stack if name in own else None) for name, value in sorted(both.items())]
        return entries, fingerprint(both)


@dataclass
class ConfigAccount:
    """Who is configured with what, and whose config is to be erased."""

    apps: dict[str, Variety] = field(default_factory=dict)
    started: dict[str, dict[str, tuple[list[Entry], str]]] = field(default_factory=dict)
    """Per rollout and stack what it was to carry when it started."""
    to_erase: list[str] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)
    _facts: int = 0

    def tell(self, fact: Message) -> None:
        """One more fact."""
        self._facts += 1
        if isinstance(fact, ConfigSet):
            self._set(fact)
        elif isinstance(fact, AppCreated | AppImported | AppCloned):
            self._comes(fact)
        elif isinstance(fact, ReviewAppOpened):
            assert fact.values == {}, f"values that nobody erases: {fact}"
            if review_app(fact.production, fact.number) in self.apps:
                self.to_erase.append(fact.app_id)
        elif isinstance(fact, AppDestroyed):
            self.to_erase.append(self.apps.pop(fact.app).id)
        elif isinstance(fact, ConfigErased):
            self.to_erase.remove(fact.app_id)  # raises ValueError if that is not to go, or is gone already
        elif isinstance(fact, AppStackRemoved):
            self.apps[fact.app].scopes.pop(fact.stack, None)
        elif isinstance(fact, StackRemoved):
            for app in self.apps.values():
                app.scopes.pop(fact.stack, None)
        else:
            self._told_of_work(fact)

    def _comes(self, fact: AppCreated | AppImported | AppCloned) -> None:
        if isinstance(fact, AppCreated):
            self._made(fact.app, f"{fact.app}.{self._facts}")
            return
        self._made(fact.app, fact.app_id)
        if isinstance(fact, AppCloned):
            self._give(self.apps[fact.app], SHARED, dict(fact.values))

    def _made(self, app: str, app_id: str) -> None:
        assert app_id not in self.ids, f"{app_id} is there once more"
        self.ids.add(app_id)
        self.apps[app] = Variety(app_id)

    def _set(self, fact: ConfigSet) -> None:
        app = self.apps[fact.app]
        assert fact.app_id == app.id, f"values sealed for another creation: {fact}"
        if fact.review:
            return
        scope = SHARED if fact.stack is None else fact.stack
        left = {} if fact.prune else {n: v for n, v in app.scopes[scope].items() if n not in fact.unset}
        self._give(app, scope, {**left, **fact.values})

    def _give(self, app: Variety, scope: str, variables: Variables) -> None:
        app.scopes[scope] = variables
        app.ever[scope] |= variables.keys()

    def _told_of_work(self, fact: Message) -> None:
        if isinstance(fact, RolloutStarted):
            app = self.apps[fact.app]
            self.started[fact.rollout] = {stack: app.on(stack) for stack in fact.stacks}
        elif isinstance(fact, StackDeployRequested):
            entries, print_of_all = self._carries(fact)
            assert fact.config_fingerprint == print_of_all, f"another fingerprint: {fact}"
            app = self.apps[fact.app]
            ever = app.ever[SHARED] | app.ever[fact.stack]
            assert list(fact.config_unset) == sorted(ever - {name for name, *_ in entries}), f"what is unset: {fact}"
        elif isinstance(fact, PostdeployRequested):
            self._carries(fact)

    def _carries(self, fact: StackDeployRequested | PostdeployRequested) -> tuple[list[Entry], str]:
        expected = self.started[fact.rollout][fact.stack]
        assert [(e.name, e.sealed, e.stack) for e in fact.config] == expected[0], f"another config: {fact}"
        return expected

    def check_decision(self) -> None:
        """Once a decision is told as a whole."""
        assert not self.to_erase, f"destroyed, but not erased: {self.to_erase}"


@dataclass
class ImageAccount:
    """What is asked of registries, and which digests rollouts have."""

    asked: dict[str, ImageJob] = field(default_factory=dict)
    """All image jobs that there ever were."""
    open: dict[str, str] = field(default_factory=dict)
    """Those without an answer whose rollout goes on: the rollout of each."""
    resolving: set[str] = field(default_factory=set)
    digests: dict[str, str] = field(default_factory=dict)

    def tell(self, fact: Message) -> None:
        """One more fact."""
        if isinstance(fact, ImageJob):
            assert fact.job not in self.asked, f"an image job asked for twice: {fact}"
            self.asked[fact.job], self.open[fact.job] = fact, fact.rollout
        elif isinstance(fact, ImageReport):
            self._answered(fact)
        elif isinstance(fact, DeployBegun):
            self.resolving.add(fact.rollout)
        elif isinstance(fact, DeployEnd | PromotionEnd):
            self._over(fact.rollout if isinstance(fact, DeployEnd) else fact.promotion)
        else:
            self._told_of_work(fact)

    def _answered(self, fact: ImageReport) -> None:
        assert fact.job in self.open, f"nobody waits for it: {fact}"
        resolves = isinstance(self.asked[fact.job], ImageResolveRequested)
        assert resolves != isinstance(fact, ImageRetagged | ImageRetagSkipped), f"of another kind: {fact}"
        rollout = self.open[fact.job]
        if isinstance(fact, ImageResolved | ImageRetagged):
            self._is(rollout, fact.image)
        if isinstance(fact, ImageResolved | ImageNotResolved | ImageRetagged | ImageRetagSkipped):
            del self.open[fact.job]

    def _is(self, rollout: str, image: str) -> None:
        first = self.digests.setdefault(rollout, digest_of(image))
        assert digest_of(image) == first, f"{rollout} was {first}, and is {image}"

    def _told_of_work(self, fact: Message) -> None:
        if isinstance(fact, StackDeployRequested | StackDeployUnchanged):
            assert fact.rollout not in self.open.values(), f"before its image job has ended: {fact}"
        if isinstance(fact, DeployOpened):
            if fact.rollout in self.resolving:
                assert fact.rollout in self.digests, f"it was not resolved: {fact}"
                self.resolving.discard(fact.rollout)
            if fact.image is not None:
                self._is(fact.rollout, fact.image)
            else:
                assert fact.config_change, fact
        elif isinstance(fact, PromotionOpened):
            self._is(fact.promotion, fact.image)
        elif isinstance(fact, RolloutStarted | StackDeployRequested | PostdeployRequested):
            self._is(fact.rollout, fact.image)
        elif isinstance(fact, ReleaseCreated):
            self._is(fact.rollout or f"{fact.app_id}.v{fact.release}", fact.image)

    def _over(self, rollout: str) -> None:
        self.resolving.discard(rollout)
        self.open = {job: name for job, name in self.open.items() if name != rollout}

    def jobs(self, kind: type[ImageJob] = ImageJob) -> list[ImageJob]:
        """Those of this kind that wait for an answer."""
        return [self.asked[job] for job in self.open if isinstance(self.asked[job], kind)]

    @property
    def tagging(self) -> set[str]:
        """The rollouts whose image is being tagged."""
        return {job.rollout for job in self.jobs(ImageRetagRequested)}


@dataclass
class ReviewAccount:
    """Which review apps are to go."""

    known: dict[str, int] = field(default_factory=dict)
    """Per name when its pull request was as it is known."""
    made: set[str] = field(default_factory=set)
    there: set[str] = field(default_factory=set)
    going: set[str] = field(default_factory=set)

    def tell(self, fact: Message) -> None:
        """One more fact."""
        if isinstance(fact, ReviewAppOpened | ReviewAppClosed):
            name = review_app(fact.production, fact.number)
            assert fact.at >= self.known.get(name, 0), f"older than what is known: {fact}"
            self.known[name] = fact.at
            if isinstance(fact, ReviewAppOpened):
                self.there.add(name)
                self.going.discard(name)
            else:
                self.going |= {name} & self.there & self.made
        elif isinstance(fact, AppCloned):
            self.made.add(fact.app)
        elif isinstance(fact, ReviewAppExpired):
            self.going |= {fact.app} & self.made  # after a cut it may be that it was never made
        elif isinstance(fact, AppDestroyed):
            self.there.discard(fact.app)
            self.made.discard(fact.app)
            self.going.discard(fact.app)
