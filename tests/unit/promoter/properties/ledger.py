"""An independent account of what the facts say, without the promoter's state: it objects to broken rules."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from tests.unit.promoter.properties.accounts import ConfigAccount, ImageAccount, ReviewAccount

from ownstack_contracts.apps import AppCreated, AppImported, AppSettingsChanged
from ownstack_contracts.jobs import PostdeployRequested, StackAppRemovalRequested, StackDeployRequested, StackJob
from ownstack_contracts.leases import JobClosed, JobGranted, LeaseLapsed, LeaseReturned, RunReport
from ownstack_contracts.message import Message
from ownstack_contracts.promotions import PromotionBegun, PromotionEnd, PromotionOpened
from ownstack_contracts.reports import (
    PostdeployFailed,
    PostdeployStarted,
    PostdeploySucceeded,
    ReleaseTaskStarted,
    ReleaseTaskSucceeded,
    RestartStarted,
    StackDeployFailed,
    StackDeploySucceeded,
    StackObserved,
    StackRunEnded,
    StackRunFailed,
)
from ownstack_contracts.reviews import AppCloned
from ownstack_contracts.rollouts import DeployBegun, DeployEnd, DeployOpened, RolloutStarted
from ownstack_contracts.stacks import StackAdded, StackChanged, StackRemoved
from ownstack_promoter.underway import place_of

Place = tuple[str, str]

PHASES = (ReleaseTaskStarted, ReleaseTaskSucceeded, RestartStarted, PostdeployStarted)
"""Reports after which the run goes on."""

OUTCOMES = (
    StackDeploySucceeded,
    StackDeployFailed,
    PostdeploySucceeded,
    PostdeployFailed,
    StackRunEnded,
    StackRunFailed,
)
"""Reports that end a job, of which each has one."""


@dataclass
class Ledger:
    """What has been granted, asked, opened and ended, as far as the facts told so far."""

    holders: dict[Place, str] = field(default_factory=dict)
    generations: dict[Place, int] = field(default_factory=dict)
    scripts: dict[str, str] = field(default_factory=dict)
    """Per post-deploy job the run that it was granted to, unless that gave it back before it had begun."""
    begun: set[str] = field(default_factory=set)
    """The post-deploy jobs that have begun."""
    opened: dict[str, Message] = field(default_factory=dict)
    ends: Counter[str] = field(default_factory=Counter)
    active: dict[str, str] = field(default_factory=dict)
    """Per app the rollout that was started and has not ended."""
    requests: dict[str, StackJob] = field(default_factory=dict)
    closed: set[str] = field(default_factory=set)
    addresses: dict[str, str] = field(default_factory=dict)
    drivers: dict[str, str] = field(default_factory=dict)
    first_stack: set[str] = field(default_factory=set)
    """The apps whose release task runs on their first stack alone."""
    one_first: set[str] = field(default_factory=set)
    """The rollouts that began so."""
    tasks_done: set[str] = field(default_factory=set)
    """The rollouts whose release task is known to have ended well."""
    config: ConfigAccount = field(default_factory=ConfigAccount)
    images: ImageAccount = field(default_factory=ImageAccount)
    reviews: ReviewAccount = field(default_factory=ReviewAccount)

    def tell(self, fact: Message) -> None:
        """One more fact. Raises AssertionError if it breaks a rule."""
        self.config.tell(fact)
        self.images.tell(fact)
        self.reviews.tell(fact)
        if isinstance(fact, JobGranted):
            self._granted(fact)
        elif isinstance(fact, StackJob):
            self._asked(fact)
        elif isinstance(fact, JobClosed):
            self.closed.add(fact.job)
        elif isinstance(fact, RunReport):
            self._reported(fact)
        else:
            self._told_of_a_rollout(fact)

    def _granted(self, fact: JobGranted) -> None:
        place = place_of(fact)
        assert self.holders.get(place, fact.run) == fact.run, f"two grants at once on {place}: {fact}"
        self.holders[place] = fact.run
        assert fact.job in self.requests, f"granted, but never asked for: {fact}"
        assert fact.job not in self.closed, f"granted although it is over: {fact}"
        if fact.kind in ("postdeploy", "run"):
            assert self.scripts.setdefault(fact.job, fact.run) == fact.run, f"a script granted twice: {fact}"

    def _asked(self, fact: StackJob) -> None:
        assert fact.job not in self.requests, f"one job asked for twice: {fact}"
        self.requests[fact.job] = fact
        place = place_of(fact)
        if isinstance(fact, StackDeployRequested | StackAppRemovalRequested):
            assert fact.generation > self.generations.get(place, 0), f"a generation that does not grow: {fact}"
        self.generations[place] = max(self.generations.get(place, 0), fact.generation)
        if isinstance(fact, StackDeployRequested):
            self._asked_without_its_task(fact)
        if isinstance(fact, StackDeployRequested | PostdeployRequested):
            assert self.active.get(fact.app, fact.rollout) == fact.rollout, f"beside another rollout: {fact}"

    def _asked_without_its_task(self, fact: StackDeployRequested) -> None:
        if fact.rollout in self.one_first and not fact.release_task and not fact.unless_live:
            assert fact.rollout in self.tasks_done, f"its release task has not run on the first stack: {fact}"

    def _task_ran(self, fact: RunReport) -> None:
        request = self.requests[fact.job]
        unchanged = isinstance(fact, StackDeploySucceeded) and fact.unchanged
        if isinstance(request, StackDeployRequested) and request.release_task and not unchanged:
            self.tasks_done.add(request.rollout)

    def _reported(self, fact: RunReport) -> None:
        place = place_of(fact)
        if isinstance(fact, ReleaseTaskSucceeded | StackDeploySucceeded):
            self._task_ran(fact)
        if isinstance(fact, StackDeploySucceeded | StackDeployFailed | StackObserved) and fact.live is not None:
            there = self.addresses.get(fact.stack, self.requests[fact.job].address)
            assert there == self.requests[fact.job].address, f"seen on the server before: {fact}"
            self.generations[place] = max(self.generations.get(place, 0), fact.live.generation)
        if isinstance(fact, PHASES):
            assert self.holders.get(place) == fact.run, f"a phase of a run that holds nothing: {fact}"
            if isinstance(fact, PostdeployStarted):
                self.begun.add(fact.job)
            return
        if self.holders.get(place) == fact.run:
            del self.holders[place]
        if isinstance(fact, LeaseReturned) and fact.job not in self.begun:
            self.scripts.pop(fact.job, None)
        elif isinstance(fact, LeaseLapsed):
            return  # the job goes on with another run
        elif isinstance(fact, OUTCOMES):
            assert fact.job not in self.closed, f"a second outcome: {fact}"
            self.closed.add(fact.job)

    def _told_of_a_stack_or_app(self, fact: Message) -> None:
        if isinstance(fact, StackAdded):
            self.addresses[fact.stack], self.drivers[fact.stack] = fact.address, fact.driver
        elif isinstance(fact, StackChanged):
            self.addresses[fact.stack] = fact.address if fact.address is not None else self.addresses[fact.stack]
        elif isinstance(fact, StackRemoved):
            del self.addresses[fact.stack]
        elif isinstance(fact, AppCreated | AppImported):
            self.first_stack.discard(fact.app)
        elif isinstance(fact, AppCloned):
            self._cloned(fact)
        elif isinstance(fact, AppSettingsChanged) and fact.release_task is not None:
            (self.first_stack.add if fact.release_task == "first-stack" else self.first_stack.discard)(fact.app)

    def _cloned(self, fact: AppCloned) -> None:
        """With the settings of its source, unless the stack runs the release task by itself."""
        alike = fact.source in self.first_stack and self.drivers[fact.stack] != "dokku"
        (self.first_stack.add if alike else self.first_stack.discard)(fact.app)

    def _told_of_a_rollout(self, fact: Message) -> None:
        self._told_of_a_stack_or_app(fact)
        if isinstance(fact, PromotionBegun):
            self._opened(fact.promotion, fact)
        elif isinstance(fact, PromotionOpened):
            if not isinstance(self.opened.pop(fact.promotion, None), PromotionOpened):
                self._opened(fact.promotion, fact)
        elif isinstance(fact, DeployBegun | DeployOpened):
            if not isinstance(self.opened.get(fact.rollout), DeployBegun):
                self._opened(fact.rollout, fact)
            self.opened[fact.rollout] = fact
        elif isinstance(fact, RolloutStarted):
            assert fact.app not in self.active, f"two rollouts at once: {fact} beside {self.active[fact.app]}"
            self.active[fact.app] = fact.rollout
            if fact.app in self.first_stack:
                self.one_first.add(fact.rollout)
        elif isinstance(fact, PromotionEnd):
            self._ended(fact.promotion, fact.target)
        elif isinstance(fact, DeployEnd):
            self._ended(fact.rollout, fact.app)

    def _opened(self, name: str, fact: Message) -> None:
        assert name not in self.opened, f"opened twice: {fact}"
        self.opened[name] = fact

    def _ended(self, name: str, app: str) -> None:
        assert name in self.opened, f"{name} ended, but was never opened"
        self.ends[name] += 1
        assert self.ends[name] == 1, f"{name} ended twice"
        if self.active.get(app) == name:
            del self.active[app]

    def check_decision(self) -> None:
        """Once a decision is told as a whole."""
        self.config.check_decision()

    @property
    def without_end(self) -> set[str]:
        """The rollouts that were opened and have not ended."""
        return set(self.opened) - set(self.ends)
