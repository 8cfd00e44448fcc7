"""An API over a bus that only remembers, a read model that is told what to hold, and a real vault."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import httpx
import orjson
from fastapi import FastAPI
from sqlalchemy import delete

from ownstack_api.app import create_app
from ownstack_api.parts import Parts
from ownstack_api.settings import Settings
from ownstack_bus.port import Bus, Outgoing
from ownstack_contracts.envelope import Event, decode
from ownstack_readmodel import CursorInvalid, LocalChanges, ReadModel
from ownstack_readmodel.queries.history import FactRecord
from ownstack_readmodel.views import CommandView, LogLineView, Page
from ownstack_vault import Vault
from ownstack_vault.tables import KEYS, TOKENS

NOW = 1_800_000_000_000
IMAGE = "registry.example/shop@sha256:" + "a" * 64
TEAM, OTHER_TEAM = "acme", "rival"


@dataclass
class FakeBus:
    """Remembers what was published. `failure`: raised instead; `gate`: publishing waits for it."""

    published: list[Outgoing] = field(default_factory=list)
    ends: Mapping[int, int] = field(default_factory=dict)
    failure: Exception | None = None
    gate: asyncio.Event | None = None
    waiting: asyncio.Event = field(default_factory=asyncio.Event)

    async def publish(self, records: Sequence[Outgoing]) -> None:
        if self.gate is not None:
            self.waiting.set()
            await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        self.published.extend(records)

    async def partitions(self, topic: str) -> int:
        return 2

    async def end(self, topic: str, partition: int) -> int:
        if self.failure is not None:
            raise self.failure
        return self.ends.get(partition, 0)

    async def behind(self, topic: str, partition: int, position: int) -> int:
        return max(await self.end(topic, partition) - position, 0)

    def events(self) -> list[Event]:
        return [decode(record.topic, record.value) for record in self.published]


@dataclass
class FakeReadModel:
    """Holds what it is told to; `asked`: how it was asked. A list has one page, and knows the cursor `next` only."""

    things: dict[tuple[str, str, str], object] = field(default_factory=dict)
    facts: dict[str, list[FactRecord]] = field(default_factory=dict)
    lines: list[LogLineView] = field(default_factory=list)
    at: Mapping[int, int] = field(default_factory=dict)
    failure: Exception | None = None
    changes: LocalChanges = field(default_factory=LocalChanges)
    asked: list[tuple[object, ...]] = field(default_factory=list)

    def hold(self, team: str, kind: str, name: str, thing: object) -> None:
        self.things[team, kind, name] = thing
        if kind == "command":
            self.changes.facts_stored({team}, {(team, name)})

    def happened(self, team: str, type_: str, data: Mapping[str, Any] | None = None, app: str | None = None) -> int:
        facts = self.facts.setdefault(team, [])
        sequence = len(facts) + 1
        record = orjson.dumps({"type": type_, "sequence": sequence, "data": data or {}})
        facts.append(FactRecord(sequence, type_, app, NOW, None, record))
        self.changes.facts_stored({team}, ())
        return sequence

    def decided(self, team: str, event: Event, code: str | None = None, *, keep: bool = True) -> CommandView:
        """Hold the outcome of a command: admitted, or rejected with `code`; keep: with its data."""
        kind, data = event.envelope.type, event.envelope.data
        if code is None:
            sequence = self.happened(team, kind, data)
            view = CommandView(
                id=event.envelope.id, type=kind, actor=None, at=NOW, status="admitted", sequence=sequence
            )
        else:
            said = {"command": event.envelope.id} | ({"data": data} if keep else {})
            sequence = self.happened(team, "CommandRejected", said)
            view = CommandView(
                id=event.envelope.id,
                type=kind,
                actor=None,
                at=NOW,
                status="rejected",
                sequence=sequence,
                code=code,
                message="It does not hold.",
                hint="do this",
            )
        self.hold(team, "command", view.id, view)
        return view

    def logged(self, app: str, text: str) -> None:
        cursor = len(self.lines) + 1
        line = LogLineView(
            cursor=cursor,
            deployment="d.eu-1",
            job="d.eu-1.1",
            stack="eu-1",
            phase="restart",
            number=cursor,
            at=NOW,
            text=text,
        )
        self.lines.append(line)
        self.changes.lines_stored({(TEAM, app)})

    def _one(self, kind: str, team: str, name: str) -> object:
        if self.failure is not None:
            raise self.failure
        return self.things.get((team, kind, name))

    def _page(self, kind: str, team: str, *how: object, cursor: str | None = None) -> Page[Any]:
        self.asked.append((kind, *how, cursor))
        if cursor not in (None, "next"):
            raise CursorInvalid(cursor or "")
        items = [thing for (whose, what, _), thing in self.things.items() if (whose, what) == (team, kind)]
        return Page(items=items)

    async def app(self, team: str, app: str) -> object:
        return self._one("app", team, app)

    async def config(self, team: str, app: str) -> object:
        return self._one("config", team, app)

    async def sealed_config(self, team: str, app: str) -> object:
        return self._one("sealed-config", team, app)

    async def stack(self, team: str, stack: str) -> object:
        return self._one("stack", team, stack)

    async def pipeline(self, team: str, production: str) -> object:
        return self._one("pipeline", team, production)

    async def rollout(self, team: str, rollout: str) -> object:
        return self._one("rollout", team, rollout)

    async def deployment(self, team: str, deployment: str) -> object:
        return self._one("deployment", team, deployment)

    async def release(self, team: str, app: str, number: int) -> object:
        return self._one("release", team, f"{app}/v{number}")

    async def run(self, team: str, run: str) -> object:
        return self._one("run", team, run)

    async def command(self, team: str, command: str) -> object:
        return self._one("command", team, command)

    async def apps(self, team: str, limit: int, cursor: str | None = None) -> Page[Any]:
        return self._page("app", team, limit, cursor=cursor)

    async def stacks(self, team: str, limit: int, cursor: str | None = None) -> Page[Any]:
        return self._page("stack", team, limit, cursor=cursor)

    async def pipelines(self, team: str, limit: int, cursor: str | None = None) -> Page[Any]:
        return self._page("pipeline", team, limit, cursor=cursor)

    async def rollouts(self, team: str, limit: int, cursor: str | None = None, **only: object) -> Page[Any]:
        return self._page("rollout", team, limit, only, cursor=cursor)

    async def promotions(self, team: str, limit: int, cursor: str | None = None, **only: object) -> Page[Any]:
        return self._page("rollout", team, limit, only, cursor=cursor)

    async def releases(self, team: str, app: str, limit: int, cursor: str | None = None) -> Page[Any] | None:
        return self._page("release", team, limit, cursor=cursor) if self._one("app", team, app) else None

    async def runs(self, team: str, app: str, limit: int, cursor: str | None = None) -> Page[Any] | None:
        return self._page("run", team, limit, cursor=cursor) if self._one("app", team, app) else None

    async def deployments(
        self, team: str, app: str, limit: int, cursor: str | None = None, *, stack: str | None = None
    ) -> Page[Any] | None:
        return self._page("deployment", team, limit, stack, cursor=cursor) if self._one("app", team, app) else None

    async def history(self, team: str, limit: int, cursor: str | None = None, **only: object) -> Page[Any]:
        return self._page("fact", team, limit, only, cursor=cursor)

    async def logs(self, team: str, app: str, limit: int, cursor: str | None = None, **only: object) -> Page[Any]:
        self.asked.append(("log", limit, only, cursor))
        return Page(items=self.lines[:limit])

    async def facts_after(self, team: str, after: int, limit: int, *, app: str | None = None) -> list[FactRecord]:
        found = [fact for fact in self.facts.get(team, []) if fact.sequence > after and app in (None, fact.app)]
        return found[:limit]

    async def last_sequence(self, team: str) -> int:
        return len(self.facts.get(team, []))

    async def lines_after(
        self, team: str, app: str, after: int, limit: int, *, stack: str | None, deployment: str | None
    ) -> list[LogLineView]:
        return [line for line in self.lines if line.cursor > after][:limit]

    async def last_line(self, team: str, app: str) -> int:
        return len(self.lines)

    async def positions(self, topic: str) -> Mapping[int, int]:
        if self.failure is not None:
            raise self.failure
        return self.at

    async def wait_for_command(self, team: str, command: str, timeout: float) -> object:
        with self.changes.of_command(team, command) as signal:
            found = await self.command(team, command)
            if found is None and await signal.wait(timeout):
                found = await self.command(team, command)
            return found


@dataclass
class House:
    """The API, what is next door, and clients with a token of each team."""

    app: FastAPI
    parts: Parts
    bus: FakeBus
    readmodel: FakeReadModel
    vault: Vault
    secret: str
    client: httpx.AsyncClient
    other: httpx.AsyncClient
    anonymous: httpx.AsyncClient


@asynccontextmanager
async def opened(vault: Vault, settings: Settings | None = None) -> AsyncIterator[House]:
    """A house with the teams acme and rival, over a vault that is emptied first."""
    with vault._store.engine.begin() as connection:
        connection.execute(delete(TOKENS))
        connection.execute(delete(KEYS))
    bus, readmodel = FakeBus(), FakeReadModel()
    parts = Parts(
        bus=cast("Bus", bus),
        readmodel=cast("ReadModel", readmodel),
        vault=vault,
        settings=settings or Settings(),
        clock=lambda: NOW,
    )
    app = create_app(parts)
    mine, theirs = (vault.tokens.add(team, "ci", NOW).secret for team in (TEAM, OTHER_TEAM))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)

    def client(secret: str | None) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {secret}"} if secret else {}
        return httpx.AsyncClient(transport=transport, base_url="http://api", headers=headers)

    async with client(mine) as me, client(theirs) as other, client(None) as anonymous:
        yield House(app, parts, bus, readmodel, vault, mine, me, other, anonymous)


def problem_of(response: httpx.Response) -> tuple[int, str]:
    """Status and code of an answer that must be problem details."""
    assert response.headers["content-type"] == "application/problem+json", response.text
    body = response.json()
    assert body["status"] == response.status_code
    assert body["type"] == f"urn:ownstack:problem:{body['code']}"
    assert body["detail"].endswith(".")
    return response.status_code, body["code"]
