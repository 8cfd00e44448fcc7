"""A server that is killed at any moment of a deployment: each run ends in one clear way, and the next attempt mends it.

OWNSTACK_KILLS: how often (50). OWNSTACK_SEED: when; printed, else new each time.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from pathlib import Path

from tests.integration.dokku.driving import APP, Outcome, Stand, up

from ownstack_contracts.jobs import StackDeployRequested
from ownstack_deployer.live import is_live

KILLS = int(os.environ.get("OWNSTACK_KILLS") or 50)
LANES = 2
"""Servers that are killed at the same time."""
STEP_S, LONGEST_S = 0.04, 1.5
"""What each step of Dokku's takes, so that most kills are in the midst of them; and about what a deployment takes."""
IN_A_ROW = 3
"""Attempts at most that are killed before one is left alone."""


async def test_what_a_killed_server_leaves_is_told_clearly_and_mended_by_the_next_attempt(tmp_path: Path) -> None:
    seed = int(os.environ.get("OWNSTACK_SEED") or random.SystemRandom().randrange(2**32))
    print(f"OWNSTACK_SEED={seed} OWNSTACK_KILLS={KILLS}")
    ends: Counter[str] = Counter()
    kills = [KILLS // LANES + (lane < KILLS % LANES) for lane in range(LANES)]
    async with asyncio.TaskGroup() as lanes:
        for lane, count in enumerate(kills):
            lanes.create_task(one_lane(tmp_path / str(lane), random.Random(f"{seed} {lane}"), count, ends))
    print(dict(ends))
    assert sum(ends.values()) == KILLS


async def one_lane(folder: Path, chance: random.Random, kills: int, ends: Counter[str]) -> None:
    """So many kills of one server, a few in a row."""
    with up(folder) as stand:
        story = Story(stand, chance)
        while kills:
            in_a_row = min(kills, chance.randint(1, IN_A_ROW))
            for _ in range(in_a_row):
                ends[await story.attempt_is_killed()] += 1
            await story.attempt_mends()
            kills -= in_a_row


class Story:
    """v1 and v2 are deployed again and again on one server."""

    def __init__(self, stand: Stand, chance: random.Random) -> None:
        self.stand = stand
        self.server = stand.server
        self.server.set(step=STEP_S, dropped="any")
        self.chance = chance
        self.generation = 0
        self.began = self.lost = False
        self.request = self.next_request()
        self.uncertain = False

    def next_request(self) -> StackDeployRequested:
        """A new attempt at some image, with another config."""
        self.generation += 1
        self.began = False
        self.config = {"VERSION": f"config {self.generation}", f"ONLY_{self.generation}": "x"}
        gone = tuple(f"ONLY_{number}" for number in range(1, self.generation))
        return self.stand.deploy(self.chance.choice(["v1", "v2"]), self.generation, config_unset=gone)

    @property
    def live(self) -> str | None:
        """Which deployment runs."""
        return self.server.deployment(APP) if APP in self.server.apps() else None

    async def attempt_is_killed(self) -> str:
        """The server dies, and is back at once. Returns how the attempt ended."""
        before, ran = self.live, self.runs()
        attempt = asyncio.create_task(self.attempt())
        await asyncio.sleep(self.chance.uniform(0, LONGEST_S + (self.stand.settle if self.uncertain else 0)))
        await asyncio.to_thread(self.server.power_off if self.chance.random() < 0.3 else self.server.kill)
        await asyncio.to_thread(self.server.start)
        outcome = await attempt
        await asyncio.to_thread(self.server.await_quiet)
        self.is_clear(outcome, before, ran)
        self.choose_next(outcome)
        return f"{outcome.phase} {outcome.code}"

    async def attempt(self) -> Outcome:
        """One attempt, as the promoter has it made: it knows whether an earlier run has said that it begins."""
        outcome = await self.stand.attempts(
            self.request, uncertain=self.uncertain, began=self.began, config=self.config
        )
        self.lost = outcome.code == "outcome-lost"
        assert self.began or not self.lost
        self.began |= outcome.phase != "look"
        return outcome

    def is_clear(self, outcome: Outcome, before: str | None, ran: int) -> None:
        """What is told is what is so."""
        mine = self.request.deployment
        if outcome.failure is None:
            assert self.live == mine
            assert self.server.config(APP) == self.server.runs_with(APP) == self.config
        elif not outcome.failure.in_doubt:
            assert self.live == before
        if outcome.failure is not None:
            assert outcome.code in ("connection-lost", "unreachable", "ssh-failed", "outcome-lost")
            if not outcome.failure.began or outcome.phase == "look" or self.lost:
                assert self.runs() == ran
        if before == mine:
            assert (self.live, self.runs()) == (mine, ran)  # nothing of it is run a second time

    def choose_next(self, outcome: Outcome) -> None:
        """A new attempt, as of a retry; or, as when the deployer is lost too, another run of the same."""
        self.uncertain = not self.lost and self.chance.random() < 0.5
        if not self.uncertain:
            self.request = self.next_request()

    async def attempt_mends(self) -> None:
        """Nobody disturbs this one."""
        before, ran = self.live, self.runs()
        outcome = await self.attempt()
        if self.lost:
            assert (self.live, self.runs()) == (before, ran)
            self.uncertain, self.request, ran = False, self.next_request(), 0
            outcome = await self.attempt()
        assert outcome.code == "live", outcome.failure
        assert self.live == self.request.deployment
        assert self.server.config(APP) == self.server.runs_with(APP) == self.config
        assert is_live(self.request, await self.stand.looks())
        assert (
            len(self.stand.marks())
            == len({mark.partition("=")[2].partition("=")[0] for mark in self.stand.marks()})
            == 6
        )
        assert len(self.server.apps()[APP]["containers"]) == 1
        assert self.runs() == ran + (before != self.request.deployment)
        self.uncertain, self.request = False, self.next_request()

    def runs(self) -> int:
        """How often release tasks were begun for this attempt."""
        started = self.server.tasks(APP, "release", "start")
        return len([task for task in started if task["deployment"] == self.request.deployment])
