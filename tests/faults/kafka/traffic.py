"""What teams say while processes die: apps on five stacks, new images, promotions, sometimes all of it twice."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.kafka.chronicle import ENDS, Fact, Said

from ownstack_bus.port import Bus, BusError, Outgoing
from ownstack_contracts.apps import AppCreated
from ownstack_contracts.envelope import encode
from ownstack_contracts.message import Command
from ownstack_contracts.pipelines import PipelineCreated, StagingAdded
from ownstack_contracts.promotions import PromotionCancelRequested, PromotionRequested
from ownstack_contracts.rollouts import DeployRequested
from ownstack_contracts.stacks import StackAdded
from ownstack_contracts.teams import TeamCreated
from ownstack_contracts.topics import COMMANDS

OPENING = (DeployRequested, PromotionRequested)
"""What opens a rollout."""
TEAMS, STACKS = 8, 5
RELEASES = 3
"""Images that staging has had before the promotions begin."""
MOST_OPEN = 3
"""A team waits when so many of its rollouts are under way or wait."""
PAUSE = (1.5, 5.0)
"""Seconds between two commands of a team."""
TWICE, CANCELS, STAGES, UNNAMED = 0.1, 0.03, 0.12, 0.1
"""How likely it is that a command is published twice; that it cancels, deploys to staging, or names no release."""


@dataclass(slots=True)
class Team:
    """What a team may speak of. open: its rollouts that have no end yet."""

    name: str
    images: int = 0
    open: set[str] = field(default_factory=set)
    promotions: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Traffic:
    """Speaks for all teams. home: where the stacks lie."""

    bus: Bus
    chance: random.Random
    program: Path
    home: Path
    said: list[Said] = field(default_factory=list)
    teams: dict[str, Team] = field(default_factory=lambda: {f"team-{n}": Team(f"team-{n}") for n in range(TEAMS)})

    def settled(self, fact: Fact) -> None:
        """A fact has come: perhaps it is the end of something."""
        if (name := ENDS.get(fact["type"])) is not None:
            self.teams[fact["team"]].open.discard(fact["data"][name])
        elif fact["type"] == "CommandRejected":
            self.teams[fact["team"]].open.discard(fact["data"]["command"])

    async def set_up(self) -> None:
        """A pipeline per team: staging on one stack, production on five; and some releases to choose from."""
        for team in self.teams.values():
            stacks = [f"s{number}" for number in range(STACKS)]
            settings = {"home": str(self.home)}
            await self.say(team, TeamCreated())
            for name in ("staging", *stacks):
                stack = StackAdded(stack=name, driver="program", address=str(self.program), settings=settings)
                await self.say(team, stack)
            await self.say(team, AppCreated(app="shop-staging", stacks=("staging",)))
            await self.say(team, AppCreated(app="shop", stacks=tuple(stacks)))
            await self.say(team, PipelineCreated(production="shop"))
            await self.say(team, StagingAdded(production="shop", staging="shop-staging"))

    async def stage(self, team: Team) -> None:
        """A new image for staging."""
        team.images += 1
        image = f"registry.example/{team.name}@sha256:{team.images:064x}"
        await self.say(team, DeployRequested(app="shop-staging", image=image))

    async def speak(self, team: Team) -> None:
        """One more command of a team."""
        chosen = self.chance.random()
        if chosen < CANCELS and team.promotions:
            await self.say(team, PromotionCancelRequested(promotion=team.promotions[-1]))
        elif chosen < CANCELS + STAGES:
            await self.stage(team)
        else:
            release = None if self.chance.random() < UNNAMED else self.chance.randint(1, RELEASES)
            team.promotions.append(await self.say(team, PromotionRequested(app="shop-staging", release=release)))

    async def run(self, until: asyncio.Event) -> None:
        """Speak for all teams until it is enough."""
        async with asyncio.TaskGroup() as group:
            for team in self.teams.values():
                group.create_task(self._run(team, until))

    async def _run(self, team: Team, until: asyncio.Event) -> None:
        while not until.is_set():
            if len(team.open) < MOST_OPEN:
                await self.speak(team)
            try:
                await asyncio.wait_for(until.wait(), self.chance.uniform(*PAUSE))
            except TimeoutError:
                continue

    async def say(self, team: Team, command: Command) -> str:
        """Publish a command, some of them twice. Returns its id."""
        name = f"{command.type_name()}-{len(self.said)}"
        record = Outgoing(COMMANDS.name, team.name, encode(command, source="/faults", team=team.name, id=name))
        times = 2 if self.chance.random() < TWICE else 1
        self.said.append(Said(team.name, name, command.type_name(), times))
        if isinstance(command, OPENING):
            team.open.add(name)  # before it is published: its end may be there before that returns
        for _ in range(times):
            await self._publish(record)
        return name

    async def _publish(self, record: Outgoing) -> None:
        """As any publisher does that wants to be sure: again, under the same id, until it is durable."""
        while True:
            try:
                return await self.bus.publish([record])
            except BusError as error:
                if error.code != "bus-unavailable":
                    raise

    def count(self, kinds: Iterable[str]) -> int:
        """How many commands of these types were published."""
        counts = Counter(one.kind for one in self.said)
        return sum(counts[kind] for kind in kinds)
