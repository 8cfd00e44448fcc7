"""Stories about a team: given what happened, when something is said, then these are the facts."""

from __future__ import annotations

import copy
import hashlib
import itertools
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from ownstack_contracts.apps import AppCreated
from ownstack_contracts.config import ConfigValue
from ownstack_contracts.images import ImageRetagRequested, ImageRetagSkipped
from ownstack_contracts.jobs import Live, PostdeployRequested, StackDeployRequested, StackJob, StackLookRequested
from ownstack_contracts.leases import JobClaimed, JobGranted, RunReport
from ownstack_contracts.message import Message
from ownstack_contracts.pipelines import PipelineCreated, StagingAdded
from ownstack_contracts.promotions import PromotionRequested
from ownstack_contracts.reports import (
    PostdeploySucceeded,
    ReleaseTaskStarted,
    ReleaseTaskSucceeded,
    RestartStarted,
    StackDeployFailed,
    StackDeploySucceeded,
    StackObserved,
)
from ownstack_contracts.rollouts import DeployRequested
from ownstack_contracts.stacks import StackAdded
from ownstack_contracts.teams import TeamCreated
from ownstack_promoter.domain import Moment, Refused, Team, decide, evolve, expire

M = TypeVar("M", bound=Message)

START = 1_700_000_000_000


def image(digit: str) -> str:
    """An image whose digest repeats one hexadecimal digit."""
    return f"registry.example/shop@sha256:{digit * 64}"


A, B, C = image("a"), image("b"), image("c")


def sealed(value: str) -> ConfigValue:
    """A value of a variable, as if it were encrypted: equal ones have equal fingerprints."""
    digest = hashlib.sha256(value.encode()).hexdigest()
    return ConfigValue(sealed=f"v1.{digest}", fingerprint=digest[:32])


class Story:
    """A team, and what happens to it."""

    def __init__(self) -> None:
        self.team = Team("acme")
        self.now = START
        self.history: list[Message] = []
        self._ids = itertools.count(1)
        self._runs = itertools.count(1)
        self.say(TeamCreated())

    def say(self, message: Message, *, id: str | None = None) -> list[Message]:
        """Decide on an input, and fold what it comes to."""
        before = copy.deepcopy(self.team)
        moment = Moment(self.now, id or f"c{next(self._ids)}", "token:ann")
        facts = decide(self.team, message, moment)
        assert self.team == before, "deciding has changed the team"
        return self.happen(facts)

    def happen(self, facts: Iterable[Message]) -> list[Message]:
        """Fold facts."""
        happened = list(facts)
        for fact in happened:
            evolve(self.team, fact)
        self.history.extend(happened)
        return happened

    def refused(self, message: Message, *, id: str | None = None) -> str:
        """The code with which a command is refused; the team stays as it is."""
        before = copy.deepcopy(self.team)
        try:
            decide(self.team, message, Moment(self.now, id or f"c{next(self._ids)}", "token:ann"))
        except Refused as refused:
            assert self.team == before
            return refused.code
        raise AssertionError(f"{message!r} was admitted")

    def wait(self, seconds: float) -> list[Message]:
        """Time passes, and the clock ticks."""
        self.now += int(seconds * 1_000)
        return self.happen(expire(self.team, Moment(self.now, "tick", "clock")))

    def stacks(self, *names: str) -> None:
        """Stacks of the driver noop."""
        for name in names:
            self.say(StackAdded(stack=name, driver="noop"))

    def app(self, name: str, *stacks: str) -> None:
        """An app on stacks, new ones too, on which nothing was found."""
        self.stacks(*(s for s in stacks if s not in self.team.stacks))
        for request in of(StackLookRequested, self.say(AppCreated(app=name, stacks=stacks))):
            self.answer_look(request, None)

    def answer_look(self, request: StackLookRequested, live: Live | None, **more: Any) -> list[Message]:
        """A deployer looks and sees `live`."""
        run = self.claim(request)
        return self.say(StackObserved(**report(request, run), live=live, **more))

    def promote(self, app: str, *, id: str | None = None, **wanted: Any) -> list[Message]:
        """A promotion is requested, the looks at its source see what is known to be live there, and its image is not
        tagged."""
        facts = self.say(PromotionRequested(app=app, **wanted), id=id)
        seen = [fact for look in of(StackLookRequested, facts) for fact in self.see_what_is_known(look)]
        return self.untagged(facts + seen)

    def untagged(self, facts: Sequence[Message]) -> list[Message]:
        """The image jobs of promotions among `facts` end without a tag; with what follows of that."""
        return [*facts, *(fact for job in of(ImageRetagRequested, facts) for fact in self.say(not_tagged(job)))]

    def see_what_is_known(self, request: StackLookRequested) -> list[Message]:
        """A look sees what is known to be live there."""
        return self.answer_look(request, known_live(self.team, request.app, request.stack))

    def pipeline(self, *stages: str) -> None:
        """Stages, the production app last."""
        self.say(PipelineCreated(production=stages[-1]))
        for stage in stages[:-1]:
            self.say(StagingAdded(production=stages[-1], staging=stage))

    def deployed(self, app: str, image: str) -> None:
        """The image is live on all stacks of the app, and its post-deploy script has run."""
        self.finish(self.say(DeployRequested(app=app, image=image)))

    def finish(self, facts: Sequence[Message]) -> list[Message]:
        """Every deployment and post-deploy script that `facts` ask for ends well, and what these ask for too."""
        happened: list[Message] = []
        for fact in facts:
            if isinstance(fact, StackDeployRequested):
                happened += self.finish(self.succeed(fact))
            elif isinstance(fact, PostdeployRequested):
                happened += self.finish(self.say(PostdeploySucceeded(**report(fact, self.claim(fact)))))
        return [*facts, *happened]

    def claim(self, request: StackJob, run: str | None = None) -> str:
        """A new run claims the job and is granted it."""
        run = run or f"r{next(self._runs)}"
        facts = self.say(claimed(request, run))
        assert [type(f) for f in facts] == [JobGranted], facts
        return run

    def succeed(self, request: StackDeployRequested) -> list[Message]:
        """A run deploys it well. Returns what followed its last report."""
        return self.succeed_as(request, self.claim(request))

    def succeed_as(self, request: StackDeployRequested, run: str) -> list[Message]:
        """A run that was granted the job deploys it well."""
        happened: list[Message] = []
        for phase in (ReleaseTaskStarted, ReleaseTaskSucceeded, RestartStarted):
            happened += of(StackDeployRequested, self.say(phase(**report(request, run))))
        return happened + self.say(StackDeploySucceeded(**report(request, run), live=live_of(request)))

    def fail(self, request: StackDeployRequested, code: str = "exit-1") -> list[Message]:
        """A run's release task fails. Returns what followed."""
        run = self.claim(request)
        self.say(ReleaseTaskStarted(**report(request, run)))
        failed = StackDeployFailed(**report(request, run), phase="release-task", code=code, message="It failed.")
        return self.say(failed)


def not_tagged(request: ImageRetagRequested) -> ImageRetagSkipped:
    """The deployer has no credentials for the registry."""
    return ImageRetagSkipped(job=request.job, app=request.app, code="no-credentials", message="There are none.")


def known_live(team: Team, app: str, stack: str) -> Live | None:
    """What the team knows to be live there, as a driver would tell it."""
    holding = known.live.get(stack) if (known := team.apps.get(app)) is not None else None
    if holding is None:
        return None
    return Live(
        image=holding.image,
        generation=holding.generation,
        deployment=holding.deployment,
        release=holding.release,
        team=team.name if holding.deployment else None,
        app_id=team.apps[app].id if holding.deployment else None,
    )


def claimed(request: StackJob, run: str) -> JobClaimed:
    """A run's claim."""
    return JobClaimed(job=request.job, run=run, app=request.app, stack=request.stack, deployer="d1")


def report(request: StackJob, run: str) -> dict[str, Any]:
    """What every report of a run says."""
    return {"job": request.job, "run": run, "app": request.app, "stack": request.stack}


def live_of(request: StackDeployRequested) -> Live:
    """What a stack holds after the deployment."""
    return Live(
        image=request.image,
        generation=request.generation,
        deployment=request.deployment,
        release=request.release,
        team="acme",
        app_id=request.app_id,
    )


def of(kind: type[M], facts: Iterable[Message]) -> list[M]:
    """The facts of one type."""
    return [fact for fact in facts if isinstance(fact, kind)]


def one(kind: type[M], facts: Iterable[Message]) -> M:
    """The only fact of its type."""
    found = of(kind, facts)
    assert len(found) == 1, f"{len(found)} {kind.__name__}"
    return found[0]


def names(facts: Iterable[Message]) -> list[str]:
    """The types of facts, in order."""
    return [fact.type_name() for fact in facts]


def end_of_run(kind: type[RunReport], request: StackJob, run: str) -> RunReport:
    """A report that has nothing of its own to say."""
    return kind(**report(request, run))


def shop(*production: str) -> Story:
    """A staging app with image A live on one stack, and a production app on stacks, in one pipeline."""
    story = Story()
    story.app("shop-staging", "staging-1")
    story.app("shop", *(production or ("eu-1", "us-1", "ap-1")))
    story.pipeline("shop-staging", "shop")
    story.deployed("shop-staging", A)
    return story
