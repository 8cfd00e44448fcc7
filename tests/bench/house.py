"""The circle without its API: promoter, deployer and projections over one SQLite file, as `ownstack up` runs them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from sqlalchemy import Connection, select

from ownstack.serve.running import settle_collector
from ownstack_bus.connect import open_bus
from ownstack_bus.port import Bus, Outgoing
from ownstack_contracts.apps import AppCreated
from ownstack_contracts.envelope import encode
from ownstack_contracts.message import Command
from ownstack_contracts.pipelines import PipelineCreated, StagingAdded
from ownstack_contracts.promotions import PromotionRequested
from ownstack_contracts.rollouts import DeployRequested
from ownstack_contracts.stacks import StackAdded
from ownstack_contracts.teams import TeamCreated
from ownstack_contracts.topics import COMMANDS
from ownstack_deployer.main import Deployer
from ownstack_deployer.settings import Settings as DeployerSettings
from ownstack_projections.main import Projections
from ownstack_projections.main import Settings as ProjectionsSettings
from ownstack_promoter.main import Promoter
from ownstack_promoter.main import Settings as PromoterSettings
from ownstack_readmodel import ReadModel, open_readmodel
from ownstack_readmodel.tables import ROLLOUTS

TEAM = "bench"
UNENDED = ("looking", "queued", "running")
PATIENCE = 120.0
"""Seconds after which a measurement is given up."""


@dataclass(slots=True)
class House:
    """What a measurement talks to."""

    bus: Bus
    readmodel: ReadModel
    images: int = 0

    async def say(self, *commands: Command) -> list[str]:
        """Publish commands. Returns their ids."""
        ids = [uuid4().hex for _ in commands]
        records = [
            Outgoing(COMMANDS.name, TEAM, encode(command, source="/bench", team=TEAM, id=name))
            for command, name in zip(commands, ids, strict=True)
        ]
        await self.bus.publish(records)
        return ids

    async def admitted(self, *commands: Command) -> None:
        """Publish commands, and wait until the read model holds the outcome of the last."""
        ids = await self.say(*commands)
        found = await self.readmodel.wait_for_command(TEAM, ids[-1], PATIENCE)
        if found is None or found.status != "admitted":
            raise RuntimeError(f"{commands[-1]!r}: {found}")

    async def ended(self, rollout: str) -> str:
        """Wait until the read model shows the end of a rollout. Returns its status."""
        with self.readmodel.changes.of_team(TEAM) as signal:
            while (status := await self.readmodel.query(_status, rollout)) is None or status in UNENDED:
                if not await signal.wait(PATIENCE):
                    raise RuntimeError(f"{rollout} did not end: {status}")
        return status

    async def set_up(self, stacks: int) -> None:
        """A staging app on one stack, and a production app on `stacks` stacks, in one pipeline."""
        names = tuple(f"stack-{number}" for number in range(stacks))
        await self.admitted(
            TeamCreated(),
            *(StackAdded(stack=name, driver="noop") for name in ("staging", *names)),
            AppCreated(app="shop-staging", stacks=("staging",)),
            AppCreated(app="shop", stacks=names),
            PipelineCreated(production="shop"),
            StagingAdded(production="shop", staging="shop-staging"),
        )

    async def stage(self) -> None:
        """Deploy a new image to staging."""
        self.images += 1
        image = f"registry.example/shop@sha256:{self.images:064x}"
        (rollout,) = await self.say(DeployRequested(app="shop-staging", image=image))
        await self._succeeds(rollout)

    async def promote(self) -> None:
        """Promote what staging runs, and wait until the read model shows that it ended well."""
        (rollout,) = await self.say(PromotionRequested(app="shop-staging"))
        await self._succeeds(rollout)

    async def _succeeds(self, rollout: str) -> None:
        status = await self.ended(rollout)
        if status != "succeeded":
            raise RuntimeError(f"{rollout}: {status}")


def _status(connection: Connection, rollout: str) -> str | None:
    query = select(ROLLOUTS.c.status).where(ROLLOUTS.c.team == TEAM, ROLLOUTS.c.rollout == rollout)
    return connection.execute(query).scalar()


@asynccontextmanager
async def open_house(folder: Path) -> AsyncIterator[House]:
    """The circle over `folder`/ownstack.db, running."""
    url, lock = f"sqlite:///{folder / 'ownstack.db'}", threading.Lock()
    bus = await open_bus(url, write_lock=lock)
    readmodel = open_readmodel(url, lock)
    services = (
        Promoter(bus, PromoterSettings(leases_at_start="lapsed")).run(),
        Deployer(bus, DeployerSettings()).run(),
        Projections(bus, readmodel, ProjectionsSettings()).run(),
    )
    tasks = [asyncio.create_task(service) for service in services]
    settle_collector()
    try:
        yield House(bus, readmodel)
    finally:
        await _stop(tasks)
        await bus.close()
        readmodel.close()


async def _stop(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    for task in tasks:
        with suppress(asyncio.CancelledError):
            await task
