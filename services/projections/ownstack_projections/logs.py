"""The sink of the logs: lines as they came, each once, for 30 days. Logs are not history, and are never rebuilt."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field

from sqlalchemy import delete, select

from ownstack_bus.dead_letters import letter_for
from ownstack_bus.port import Outgoing, Record
from ownstack_contracts.envelope import Unreadable, decode
from ownstack_contracts.logs import DeploymentLogged
from ownstack_contracts.topics import LOGS
from ownstack_projections.offsets import Offsets
from ownstack_projections.sql import Statements, Values, take_turn
from ownstack_readmodel import ReadModel
from ownstack_readmodel.tables import LOG_LINES, LOG_POSITIONS

LINES_TURN = 7_061_003
"""Of PostgreSQL's advisory locks the one of whoever adds lines: so lines are seen in the order of their cursors, also
where several processes add them, and a stream that goes on from a cursor misses none."""
SLICE = 1_000
"""So many lines are deleted in one transaction, so that nobody waits for long."""

Publish = Callable[[Sequence[Outgoing]], Awaitable[None]]


@dataclass(slots=True)
class LogCounts:
    """What a sink has stored since it began. `seconds`: that all batches took together."""

    batches: int = 0
    lines: int = 0
    dead_letters: int = 0
    seconds: float = 0.0


@dataclass(slots=True)
class _Batch:
    """What a batch comes to."""

    rows: list[Values] = field(default_factory=list)
    apps: set[tuple[str, str]] = field(default_factory=set)
    dead: list[Outgoing] = field(default_factory=list)


class LogSink:
    """Stores the lines of deployments; what can't be read is published as a dead letter. executor: of one thread."""

    def __init__(self, publish: Publish, readmodel: ReadModel, executor: Executor) -> None:
        self._publish, self._readmodel, self._executor = publish, readmodel, executor
        self._offsets = Offsets(LOG_POSITIONS, LOGS.name)
        self._statements = Statements(LOG_LINES)
        self.counts = LogCounts()

    async def positions(self) -> Mapping[int, int]:
        """Per partition the offset of the next record wanted."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._load)

    async def apply(self, partition: int, records: Sequence[Record]) -> None:
        """Store the lines, and the offset after the last record; then tell those who wait for them. Raises Outrun."""
        loop, started = asyncio.get_running_loop(), time.perf_counter()
        batch = await loop.run_in_executor(self._executor, _read, records)
        if batch.dead:
            await self._publish(batch.dead)
        following = records[-1].offset + 1
        await loop.run_in_executor(self._executor, self._store, partition, following, batch)
        self._readmodel.changes.lines_stored(batch.apps)
        self.counts.batches += 1
        self.counts.lines += len(batch.rows)
        self.counts.dead_letters += len(batch.dead)
        self.counts.seconds += time.perf_counter() - started

    async def prune(self, before: int) -> int:
        """Delete the lines that came before a time (ms since the epoch). Returns how many."""
        deleted, last = 0, SLICE
        while last == SLICE:
            last = await asyncio.get_running_loop().run_in_executor(self._executor, self._prune, before)
            deleted += last
        return deleted

    def _load(self) -> Mapping[int, int]:
        with self._readmodel.reading() as connection:
            return self._offsets.load(connection)

    def _store(self, partition: int, following: int, batch: _Batch) -> None:
        with self._readmodel.writing() as connection:
            take_turn(connection, LINES_TURN)
            self._offsets.advance(connection, partition, following)
            self._statements.insert_new_numbered(connection, batch.rows)
            self._readmodel.changes.announce_lines(connection, batch.apps)
        self._offsets.advanced(partition, following)

    def _prune(self, before: int) -> int:
        """Cursors grow with time, so the oldest lines are found without an index of times."""
        oldest = select(LOG_LINES.c.cursor, LOG_LINES.c.at).order_by(LOG_LINES.c.cursor).limit(SLICE).subquery()
        due = select(oldest.c.cursor).where(oldest.c.at < before)
        with self._readmodel.writing() as connection:
            return connection.execute(delete(LOG_LINES).where(LOG_LINES.c.cursor.in_(due))).rowcount


def _read(records: Sequence[Record]) -> _Batch:
    batch = _Batch()
    for record in records:
        try:
            team, message = _message(record)
        except Unreadable as unreadable:
            batch.dead.append(letter_for(record, unreadable.code, unreadable.reason))
            continue
        whose = (team, message.app, message.app_id, message.stack)
        about = (*whose, message.deployment, message.job, message.run, message.phase)
        lines = enumerate(message.lines, message.number)
        batch.rows += [(*about, number, record.timestamp, text.replace("\0", "�")) for number, text in lines]
        batch.apps.add((team, message.app))
    return batch


def _message(record: Record) -> tuple[str, DeploymentLogged]:
    event = decode(LOGS.name, record.value)
    if event.envelope.team is None:
        raise Unreadable("no-team", "A log record says in `team` whose it is.")
    assert isinstance(event.message, DeploymentLogged)  # the topic has no other type
    return event.envelope.team, event.message
