"""Live updates: a team's facts, or an app's log lines, from any place on, as soon as the read model holds them.

Both are read from the read model alone, in its order, from the last one sent on: so there is no switch from stored to
live in which something could be lost or doubled, and nobody hears of what a query would not show yet.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractContextManager

from starlette.concurrency import run_in_threadpool

from ownstack_api.auth import Who
from ownstack_api.eventstream import HEARTBEAT, EventStream, event, opening
from ownstack_api.parts import Parts
from ownstack_api.waiting import first_of
from ownstack_readmodel import Signal

BATCH = 200
"""Events read and sent at a time: what a slow reader costs in memory."""


Place = tuple[int, bytes]
"""Something to be sent: where it stands in its order, and how it is written."""

Read = Callable[[int], Awaitable[list[Place]]]
"""What comes after a place: at most BATCH."""


def facts(parts: Parts, who: Who, app: str | None, after: int) -> EventStream:
    """The team's facts (those of `app`, if it is given) with a sequence above `after`."""
    model = parts.readmodel

    async def read(at: int) -> list[Place]:
        found = await model.facts_after(who.team, at, BATCH, app=app)
        return [(fact.sequence, event(fact.sequence, fact.type, fact.record)) for fact in found]

    return _stream(parts, who, after, read, lambda: model.changes.of_team(who.team))


def log_lines(parts: Parts, who: Who, app: str, stack: str | None, deployment: str | None, after: int) -> EventStream:
    """The log lines of an app (of one stack or deployment, if given) with a cursor above `after`."""
    model = parts.readmodel

    async def read(at: int) -> list[Place]:
        found = await model.lines_after(who.team, app, at, BATCH, stack=stack, deployment=deployment)
        return [(line.cursor, event(line.cursor, "LogLine", line.model_dump_json().encode())) for line in found]

    return _stream(parts, who, after, read, lambda: model.changes.of_logs(who.team, app))


def _stream(
    parts: Parts, who: Who, after: int, read: Read, watch: Callable[[], AbstractContextManager[Signal]]
) -> EventStream:
    async def chunks(end: asyncio.Event) -> AsyncGenerator[bytes, None]:
        at = after
        yield opening(at)
        pulse = _Pulse(parts, who, end)
        with watch() as signal:
            while not end.is_set():
                while (found := await read(at)) and not end.is_set():
                    at = found[-1][0]
                    yield b"".join(written for _, written in found)
                    if len(found) < BATCH:
                        break
                if await pulse.beat(signal):
                    yield HEARTBEAT

    return EventStream(parts.streams, who, parts.settings.streams_per_token, chunks)


class _Pulse:
    """Waits between events; keeps the connection alive, and ends it when its token is worth nothing any more."""

    def __init__(self, parts: Parts, who: Who, end: asyncio.Event) -> None:
        self._parts = parts
        self._who = who
        self._end = end
        self._clock = asyncio.get_running_loop().time
        self._due = self._clock() + parts.settings.heartbeat

    async def beat(self, signal: Signal) -> bool:
        """Returns when something changed, or it is time to end. True: a heartbeat is due."""
        await first_of(signal.wait(), self._end, max(0.0, self._due - self._clock()))
        if self._clock() < self._due or self._end.is_set():
            return False
        self._due = self._clock() + self._parts.settings.heartbeat
        if not await run_in_threadpool(self._parts.vault.tokens.is_valid, self._who.token_id):
            self._end.set()
            return False
        return True
