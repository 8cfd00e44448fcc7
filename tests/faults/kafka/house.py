"""The house that the faults haunt: every service a process, on a real Kafka and PostgreSQL; teams; a judge."""

from __future__ import annotations

import asyncio
import random
import shutil
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import orjson
from tests.faults.kafka import chronicle, ledger, rows
from tests.faults.kafka.deeds import Deeds
from tests.faults.kafka.services import Services
from tests.faults.kafka.traffic import RELEASES, Traffic
from tests.real.kafka import kafka, new_topics
from tests.real.postgres import database

from ownstack_bus.kafka import KafkaBus
from ownstack_bus.port import At, Bus, BusError
from ownstack_contracts.topics import HISTORY
from ownstack_readmodel import ReadModel, open_readmodel

ROOT = Path(__file__).resolve().parents[3]
KEPT = ROOT / "build" / "faults"
"""What was found wrong is kept here, below its seed."""
SETTING_UP = 120.0
"""Seconds in which all is to be set up."""
DRAINED_WITHIN = 60.0
"""Seconds after the last fault in which all is to have come to its end."""
TENDING = 0.25
"""Seconds between two looks at whether somebody has ended."""
SHOWN = 30
"""So many violations are shown."""


@dataclass(slots=True)
class House:
    """What a test may look at, and do."""

    seed: int
    chance: random.Random
    folder: Path
    bus: Bus
    readmodel: ReadModel
    url: str
    deeds: Deeds
    services: Services
    traffic: Traffic
    answered: set[tuple[str, str]] = field(default_factory=set)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def home(self) -> Path:
        """Where the stacks lie."""
        return self.folder / "stacks"

    async def follow(self, partition: int) -> None:
        """Hear every fact of a partition, whatever happens to the connection."""
        following = 0
        while True:
            try:
                async for record in self.bus.tail(HISTORY.name, partition, At(offset=following)):
                    following = record.offset + 1
                    self._hear(orjson.loads(record.value))
            except BusError as error:
                if error.code != "bus-unavailable":
                    raise

    def _hear(self, fact: chronicle.Fact) -> None:
        for name in chronicle.answers(fact):
            self.answered.add((fact["team"], name))
        self.traffic.settled(fact)
        self.changed.set()

    async def tend(self) -> None:
        """Be the supervisor of all services."""
        while True:
            self.services.tend()
            await asyncio.sleep(TENDING)

    async def settled(self, within: float) -> None:
        """Wait until every command is answered, and every rollout has ended. Raises AssertionError if not."""
        deadline = time.monotonic() + within
        while waiting := self.waiting():
            self.changed.clear()
            try:
                await asyncio.wait_for(self.changed.wait(), max(deadline - time.monotonic(), 0))
            except TimeoutError:
                raise AssertionError(self.report([f"not ended: {name}" for name in waiting])) from None

    def waiting(self) -> list[str]:
        """What has no answer, or no end."""
        silent = [f"{one.team} {one.id}" for one in self.traffic.said if (one.team, one.id) not in self.answered]
        return silent + [f"{team.name} {name}" for team in self.traffic.teams.values() for name in team.open]

    async def drained(self) -> float:
        """Wait until all has come to its end, and the read model holds it. Returns the seconds since the last deed."""
        last = self.deeds.last()
        await self.settled(last + DRAINED_WITHIN - time.monotonic())
        while late := await rows.behind(self.bus, self.readmodel):
            if time.monotonic() > last + DRAINED_WITHIN:
                raise AssertionError(self.report([f"the read model is behind: {late}"]))
        return time.monotonic() - last

    async def violations(self) -> list[str]:
        """All that is wrong: on the stacks, in the history, between the two, and in the read model."""
        facts = await chronicle.read_facts(self.bus)
        ledgers, live = ledger.read_ledgers(self.home), ledger.read_live(self.home)
        self._keep(facts)
        return [
            *ledger.violations(ledgers, self.deeds),
            *chronicle.violations(facts, self.traffic.said),
            *chronicle.against_ledgers(facts, ledgers, live),
            *await chronicle.dead_letters(self.bus),
            *await rows.differences(self.bus, self.url),
        ]

    async def judge(self, drained: float) -> None:
        """Say the figures. Raises AssertionError if anything is wrong."""
        found = await self.violations()
        print(await self.figures(drained), flush=True)
        assert not found, self.report(found)

    async def figures(self, drained: float) -> str:
        """What there was, in a few lines."""
        facts = Counter(fact["type"] for own in (await chronicle.read_facts(self.bus)).values() for fact in own)
        steps = Counter(step.phase for own in ledger.read_ledgers(self.home).values() for step in own)
        deeds = Counter(deed.what for deed in self.deeds.done)
        told = ("PromotionOpened", "StackDeploySucceeded", "JobGranted", "LeaseLapsed", "PostdeployUnknown")
        return (
            f"seed {self.seed}: {self.traffic.count(['PromotionRequested'])} promotions requested, "
            f"{sum(facts.values())} facts, drained after {drained:.1f} s\n"
            f"  facts: {', '.join(f'{name} {facts[name]}' for name in (*told, 'CommandRejected'))}\n"
            f"  programs: {dict(steps)}\n  done to the processes: {dict(deeds)}"
        )

    def report(self, found: list[str]) -> str:
        """What is wrong, and where all that was seen lies now."""
        kept = KEPT / str(self.seed)
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(self.folder, kept)
        (kept / "deeds.txt").write_text(str(self.deeds))
        (kept / "violations.txt").write_text("\n".join(found))
        shown = "\n  ".join(found[:SHOWN])
        return f"seed {self.seed}: {len(found)} violations; all that was seen is in {kept}\n  {shown}"

    def _keep(self, facts: chronicle.Facts) -> None:
        for team, own in facts.items():
            (self.folder / f"{team}.history.jsonl").write_bytes(b"\n".join(map(orjson.dumps, own)))


@asynccontextmanager
async def open_house(
    folder: Path, seed: int, servers: str | None = None, env: Mapping[str, str] | None = None
) -> AsyncIterator[House]:
    """All services running, all teams set up, on topics and a database of their own.

    seed: decides all that is left to chance here. servers: the brokers; None: those of this run. env: what the services
    are told beside where things are.
    """
    where = servers if servers is not None else await asyncio.to_thread(kafka)
    async with AsyncExitStack() as stack:
        settings = await stack.enter_async_context(new_topics(where))
        url = stack.enter_context(database())
        bus = await KafkaBus.open(where, settings)
        stack.push_async_callback(bus.close)
        readmodel = await asyncio.to_thread(open_readmodel, url)
        stack.callback(readmodel.close)
        deeds = Deeds()
        told = {
            "OWNSTACK_BUS": f"kafka://{where}",
            "OWNSTACK_DATABASE": url,
            "OWNSTACK_KAFKA_PREFIX": settings.prefix,
            "OWNSTACK_DEPLOYER_STATE": str(folder / "locks"),
        }
        services = Services(folder, told | dict(env or {}), deeds)
        chance = random.Random(seed)
        traffic = Traffic(bus, chance, _program(folder), folder / "stacks")
        house = House(seed, chance, folder, bus, readmodel, url, deeds, services, traffic)
        house.home.mkdir()
        stack.callback(services.end_all)
        services.start_all()
        stack.push_async_callback(_cancelled, await _beside(house))
        await _set_up(house)
        yield house


async def _beside(house: House) -> list[asyncio.Task[None]]:
    """What goes on beside a test."""
    partitions = range(await house.bus.partitions(HISTORY.name))
    return [asyncio.create_task(house.tend()), *(asyncio.create_task(house.follow(p)) for p in partitions)]


async def _set_up(house: House) -> None:
    await house.traffic.set_up()
    for _ in range(RELEASES):
        for team in house.traffic.teams.values():
            await house.traffic.stage(team)
        await house.settled(SETTING_UP)


async def _cancelled(tasks: list[asyncio.Task[None]]) -> None:
    """What one of them died of is told."""
    died = [task for task in tasks if task.done()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for task in died:
        task.result()


def _program(folder: Path) -> Path:
    """The driver of all stacks: started without site packages, which takes a tenth of the time."""
    program = folder / "driver"
    source = Path(__file__).with_name("ledger_driver.py").read_text(encoding="utf-8")
    program.write_text(f"#!{sys.executable} -IS\n{source}", encoding="utf-8")
    program.chmod(0o755)
    return program


@asynccontextmanager
async def speaking(house: House) -> AsyncIterator[None]:
    """Teams speak until the block ends."""
    enough = asyncio.Event()
    talk = asyncio.create_task(house.traffic.run(enough))
    try:
        yield
    finally:
        enough.set()
        await talk
