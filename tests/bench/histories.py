"""Histories as the promoter would write them, by its own rules: for the bench of a rebuild, and tests of readers."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterable, Sequence
from hashlib import sha256

from ownstack_bus.port import Record
from ownstack_contracts.apps import AppCreated
from ownstack_contracts.history import GENESIS, Origin, Position, seal
from ownstack_contracts.images import ImageJob, ImageResolved, ImageResolveRequested, ImageRetagged, ImageRetagRequested
from ownstack_contracts.jobs import (
    Live,
    PostdeployRequested,
    StackAppRemovalRequested,
    StackDeployRequested,
    StackJob,
    StackLookRequested,
)
from ownstack_contracts.leases import JobClaimed, JobGranted
from ownstack_contracts.message import Command, Message
from ownstack_contracts.names import Driver, digest_of, parse_image
from ownstack_contracts.pipelines import PipelineCreated, StagingAdded
from ownstack_contracts.promotions import PromotionRequested
from ownstack_contracts.rejections import CommandRejected
from ownstack_contracts.reports import (
    PostdeployStarted,
    PostdeploySucceeded,
    ReleaseTaskStarted,
    ReleaseTaskSucceeded,
    RestartStarted,
    StackAppRemoved,
    StackDeploySucceeded,
    StackObserved,
)
from ownstack_contracts.rollouts import DeployRequested
from ownstack_contracts.stacks import StackAdded
from ownstack_contracts.teams import TeamCreated
from ownstack_contracts.topics import COMMANDS, HISTORY, REPORTS
from ownstack_promoter.domain import Moment, Refused, Team, decide, evolve, expire

START = 1_700_000_000_000
BETWEEN = 7
"""Milliseconds from one input to the next."""


def image(number: int) -> str:
    """An image of its own."""
    return f"registry.example/shop@sha256:{sha256(str(number).encode()).hexdigest()}"


def pinned(reference: str) -> str:
    """The image that a tag means."""
    return f"{parse_image(reference).repository}@sha256:{sha256(reference.encode()).hexdigest()}"


class Chronicle:
    """A team, and its facts in a partition of the history (`records`), which several teams may share."""

    def __init__(self, team: str = "acme", records: list[Record] | None = None) -> None:
        self.team = Team(team)
        self.now = START
        self.records: list[Record] = [] if records is None else records
        self._hash = GENESIS
        self._ids = itertools.count(1)
        self._runs = itertools.count(1)
        self._inputs = itertools.count()
        self._live: dict[tuple[str, str], Live] = {}

    def say(self, message: Message, *, id: str | None = None, actor: str = "token:ann") -> list[Message]:
        """Decide on an input; its facts happen. A refused command is rejected, as the promoter does it."""
        self.now += BETWEEN
        name = id or f"c{next(self._ids)}"
        is_command = isinstance(message, Command)
        position = Position((COMMANDS if is_command else REPORTS).name, 0, next(self._inputs))
        origin = Origin(position, self.now, actor, name if is_command else None, name)
        try:
            facts = decide(self.team, message, Moment(self.now, name, actor))
        except Refused as refused:
            facts = [_rejection(refused, name, message)]
        return self.happen(facts, origin)

    def wait(self, seconds: float) -> list[Message]:
        """Time passes; what is due happens."""
        self.now += int(seconds * 1_000)
        facts = expire(self.team, Moment(self.now, "tick", "clock"))
        return self.happen(facts, Origin(Position(REPORTS.name, 0, next(self._inputs)), self.now, causationid="tick"))

    def happen(self, facts: Iterable[Message], origin: Origin) -> list[Message]:
        """Seal facts, put them on the partition, and fold them."""
        happened = list(facts)
        for step, fact in enumerate(happened):
            value, self._hash = seal(
                fact,
                origin,
                team=self.team.name,
                sequence=self.team.sequence + 1,
                previous_hash=self._hash,
                step=step,
                steps=len(happened),
            )
            self.records.append(Record(HISTORY.name, 0, len(self.records), self.now, self.team.name, value))
            evolve(self.team, fact)
        return happened

    def claim(self, request: StackJob) -> str:
        """A new run claims a job. Returns the run."""
        run = f"{next(self._runs):032x}"
        claim = JobClaimed(job=request.job, run=run, app=request.app, stack=request.stack, deployer="d1")
        facts = self.say(claim)
        assert [type(fact) for fact in facts] == [JobGranted], facts
        return run

    def play(self, facts: Iterable[Message]) -> list[Message]:
        """A deployer does all that is asked for, and all that follows from it. Returns every fact."""
        todo = deque(facts)
        happened = []
        while todo:
            fact = todo.popleft()
            happened.append(fact)
            if isinstance(fact, StackJob):
                todo.extend(self.work(fact))
            elif isinstance(fact, ImageJob):
                todo.extend(self.ask_registry(fact))
        return happened

    def ask_registry(self, request: ImageJob) -> list[Message]:
        """A registry has what it is asked for, and lets it be tagged. Returns the facts of the answer."""
        about = {"job": request.job, "app": request.app}
        if isinstance(request, ImageResolveRequested):
            return self.say(ImageResolved(**about, image=pinned(request.reference)))
        assert isinstance(request, ImageRetagRequested)
        repository = request.repository or parse_image(request.image).repository
        return self.say(ImageRetagged(**about, image=f"{repository}@{digest_of(request.image)}"))

    def work(self, request: StackJob) -> list[Message]:
        """A new run does a job, and all goes well. Returns the facts of its reports."""
        run = self.claim(request)
        about = {"job": request.job, "run": run, "app": request.app, "stack": request.stack}
        followed: list[Message] = []
        for report in self._reports(request, about):
            followed += self.say(report)
        return followed

    def _reports(self, request: StackJob, about: dict[str, str]) -> Sequence[Message]:
        """What a run reports of whom all goes well; a look finds what was deployed last."""
        place = (request.app, request.stack)
        if isinstance(request, StackDeployRequested):
            phases = (ReleaseTaskStarted, ReleaseTaskSucceeded, RestartStarted)
            live = self._live[place] = live_of(request, self.team.name)
            return [*(phase(**about) for phase in phases), StackDeploySucceeded(**about, live=live)]
        if isinstance(request, PostdeployRequested):
            return [PostdeployStarted(**about), PostdeploySucceeded(**about)]
        if isinstance(request, StackAppRemovalRequested):
            self._live.pop(place, None)
            return [StackAppRemoved(**about)]
        assert isinstance(request, StackLookRequested)
        return [StackObserved(**about, live=self._live.get(place))]


def live_of(request: StackDeployRequested, team: str) -> Live:
    """What a stack holds after a deployment."""
    return Live(
        image=request.image,
        generation=request.generation,
        deployment=request.deployment,
        release=request.release,
        team=team,
        app_id=request.app_id,
    )


def _rejection(refused: Refused, command: str, message: Message) -> CommandRejected:
    return CommandRejected(
        command=command,
        command_type=message.type_name(),
        code=refused.code,
        message=refused.message,
        hint=refused.hint,
        data=message.model_dump(exclude_none=True, mode="json"),
    )


def shop(chronicle: Chronicle, stacks: int = 3, driver: Driver = "noop") -> Chronicle:
    """A staging app on one stack, and a production app on `stacks` stacks, in one pipeline; nothing is deployed yet."""
    names = tuple(f"eu-{number}" for number in range(1, stacks + 1))
    chronicle.say(TeamCreated())
    for name in ("staging-1", *names):
        chronicle.say(StackAdded(stack=name, driver=driver, address=f"/{name}"))
    chronicle.play(chronicle.say(AppCreated(app="shop-staging", stacks=("staging-1",))))
    chronicle.play(chronicle.say(AppCreated(app="shop", stacks=names)))
    chronicle.say(PipelineCreated(production="shop"))
    chronicle.say(StagingAdded(production="shop", staging="shop-staging"))
    return chronicle


def promoted(chronicle: Chronicle, number: int) -> None:
    """A new image is deployed to staging and promoted to production."""
    chronicle.play(chronicle.say(DeployRequested(app="shop-staging", image=image(number)), id=f"deploy-{number}"))
    chronicle.play(chronicle.say(PromotionRequested(app="shop-staging"), id=f"promote-{number}"))


def promotions(facts: int, stacks: int = 50, teams: int = 4) -> list[Record]:
    """A partition of at least so many facts: each team promotes one image after another to `stacks` stacks."""
    records: list[Record] = []
    chronicles = [shop(Chronicle(f"team-{number}", records), stacks) for number in range(1, teams + 1)]
    for number in itertools.count(1):
        for chronicle in chronicles:
            promoted(chronicle, number)
        if len(records) >= facts:
            return records
    raise AssertionError("unreachable")
