"""The circle without its deployer, on one file: API over HTTP, bus, promoter, projections and read model, all real."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from ownstack_api.app import create_app
from ownstack_api.main import listen, serve, url_of
from ownstack_api.parts import Parts, now_ms
from ownstack_api.settings import Settings
from ownstack_bus.connect import open_bus
from ownstack_bus.port import Bus
from ownstack_projections.main import Projections
from ownstack_promoter.main import Promoter
from ownstack_promoter.main import Settings as PromoterSettings
from ownstack_readmodel import ReadModel, open_readmodel
from ownstack_vault import SecretKeys, Vault, open_vault

TEAM, OTHER_TEAM = "acme", "rival"
SECRET_KEY = SecretKeys(b"k" * 32)


@dataclass(frozen=True)
class Circle:
    """What a test may look at. `secrets`: a token per team; `client`: with the token of acme, which exists."""

    bus: Bus
    readmodel: ReadModel
    vault: Vault
    parts: Parts
    url: str
    secrets: dict[str, str]
    client: httpx.AsyncClient
    api: asyncio.Task[None]

    def as_team(self, team: str | None) -> httpx.AsyncClient:
        """A client with the token of this team, or with none."""
        return httpx.AsyncClient(base_url=self.url, headers=_bearer(self.secrets[team]) if team else {}, timeout=30)


def _bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


@asynccontextmanager
async def running(folder: Path, settings: Settings | None = None) -> AsyncIterator[Circle]:
    """Run it until the block ends."""
    settings = settings or Settings(port=0)
    async with AsyncExitStack() as stack:
        bus, readmodel, vault = await _rooms(folder / "ownstack.db", stack)
        parts = Parts(bus, readmodel, vault, settings)
        listener = listen(settings)
        ready = asyncio.Event()
        services = [
            asyncio.create_task(Promoter(bus, PromoterSettings()).run()),
            asyncio.create_task(Projections(bus, readmodel).run()),
            asyncio.create_task(serve(create_app(parts), settings, ready, listener)),
        ]
        stack.push_async_callback(_end, services)
        await asyncio.wait([*services, asyncio.create_task(ready.wait())], return_when=asyncio.FIRST_COMPLETED)
        assert ready.is_set(), [service for service in services if service.done()]
        secrets = {team: vault.tokens.add(team, "ci", now_ms()).secret for team in (TEAM, OTHER_TEAM)}
        url = url_of(listener)
        client = httpx.AsyncClient(base_url=url, headers=_bearer(secrets[TEAM]), timeout=30)
        await stack.enter_async_context(client)
        circle = Circle(bus, readmodel, vault, parts, url, secrets, client, services[-1])
        for team in secrets:
            async with circle.as_team(team) as founder:
                await founder.post("/api/v1/commands", json={"type": "TeamCreated"}, headers={"Prefer": "wait=30"})
        yield circle


async def _rooms(path: Path, stack: AsyncExitStack) -> tuple[Bus, ReadModel, Vault]:
    lock = threading.Lock()
    bus = await open_bus(f"sqlite:///{path}", write_lock=lock)
    stack.push_async_callback(bus.close)
    readmodel = await asyncio.to_thread(open_readmodel, f"sqlite:///{path}", lock)
    stack.callback(readmodel.close)
    vault = await asyncio.to_thread(open_vault, f"sqlite:///{path}", lock, SECRET_KEY)
    stack.callback(vault.close)
    return bus, readmodel, vault


async def _end(services: list[asyncio.Task[None]]) -> None:
    """The API first. Whatever a service died of is told."""
    for service in reversed(services):
        service.cancel()
        with suppress(asyncio.CancelledError):
            await service
