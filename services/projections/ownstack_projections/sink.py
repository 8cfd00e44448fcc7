"""The sink of the history: a batch of facts becomes rows, written with the offset in one transaction, or not at all."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import ParamSpec, TypeVar

from ownstack_bus.port import Record
from ownstack_contracts.history import GENESIS
from ownstack_contracts.topics import HISTORY
from ownstack_projections import commands, history
from ownstack_projections.domain import project
from ownstack_projections.facts import Fact, read, where
from ownstack_projections.offsets import Offsets
from ownstack_projections.rows import TeamRow
from ownstack_projections.stopped import FactUnknown, HistoryDamaged, Outrun
from ownstack_projections.tables import Rows
from ownstack_readmodel import Channel, ReadModel
from ownstack_readmodel.tables import POSITIONS

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(slots=True)
class Counts:
    """What a sink has stored since it began. `doubled`: facts that it had had already, and skipped. `seconds`: that
    all batches took together."""

    batches: int = 0
    facts: int = 0
    doubled: int = 0
    seconds: float = 0.0


@dataclass(slots=True)
class _Batch:
    """What a batch comes to, beside the rows. `following`: the offset after the last record that was folded."""

    facts: int = 0
    doubled: int = 0
    following: int | None = None
    teams: set[str] = field(default_factory=set)
    commands: set[tuple[str, str]] = field(default_factory=set)
    stopped: HistoryDamaged | FactUnknown | None = None


class HistorySink:
    """Keeps the rows that facts change in memory, and the read model in step with the history.

    executor: of one thread, in which it works. changes: who waits is told there; None: nobody is. suffix: of the names
    of the tables, while they are built anew beside the live ones.
    """

    def __init__(self, readmodel: ReadModel, executor: Executor, changes: Channel | None, suffix: str = "") -> None:
        self.counts = Counts()
        self.rows = Rows(readmodel, suffix)
        self._readmodel, self._executor, self._changes = readmodel, executor, changes
        self._offsets = Offsets(POSITIONS, HISTORY.name, suffix)
        self._turn = asyncio.Lock()
        self._unsure = False

    async def positions(self) -> Mapping[int, int]:
        """Per partition the offset of the next record wanted."""
        async with self._turn:
            return await self._in_thread(self._load)

    async def apply(self, partition: int, records: Sequence[Record]) -> None:
        """Store what the records make, and the offset after the last; then tell those who wait for it.

        Raises HistoryDamaged or FactUnknown once all facts before the one in question are stored; FactNotProjected and
        Outrun when nothing was.
        """
        async with self._turn:
            batch = await self._in_thread(self._apply, partition, records)
        if self._changes is not None:
            self._changes.facts_stored(batch.teams, batch.commands)
        if batch.stopped is not None:
            raise batch.stopped

    @asynccontextmanager
    async def paused(self) -> AsyncIterator[None]:
        """Nothing is applied meanwhile, and the tables may be exchanged. It goes on from what they hold then, which it
        looks up when the next records come: a database that is away is no matter of whoever exchanges them."""
        async with self._turn:
            self._unsure = True
            yield

    async def _in_thread(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, lambda: work(*args, **kwargs))

    def _load(self) -> Mapping[int, int]:
        self.rows.forget()
        with self._readmodel.reading() as connection:
            positions = self._offsets.load(connection)
        self._unsure = False
        return positions

    def _apply(self, partition: int, records: Sequence[Record]) -> _Batch:
        started = time.perf_counter()
        if self._unsure:
            self._load()
        try:
            batch = self._fold_and_store(partition, self._wanted(partition, records))
        except Outrun:
            if not self._taken_over(partition):
                raise
            batch = self._fold_and_store(partition, self._wanted(partition, records))
        self.counts.batches += 1
        self.counts.facts += batch.facts
        self.counts.doubled += batch.doubled
        self.counts.seconds += time.perf_counter() - started
        return batch

    def _fold_and_store(self, partition: int, records: Sequence[Record]) -> _Batch:
        try:
            batch = self._fold(records)
            if batch.following is not None:
                self._store(partition, batch.following, batch)
        except BaseException:
            self.rows.forget()
            raise
        return batch

    def _wanted(self, partition: int, records: Sequence[Record]) -> Sequence[Record]:
        """Without those that the tables hold already: after an exchange the bus may be behind them for a while."""
        following = self._offsets.next_of(partition)
        return records if records[0].offset >= following else [r for r in records if r.offset >= following]

    def _taken_over(self, partition: int) -> bool:
        """Whether another process has put tables that it built in the place of the live ones, so that it goes on from
        those; False: the tables are the same, or behind what was stored here."""
        believed = self._offsets.next_of(partition)
        with self._readmodel.reading() as connection:
            if not self._offsets.are_others(connection):
                return False
            self._offsets.load(connection)
        return self._offsets.next_of(partition) >= believed

    def _store(self, partition: int, following: int, batch: _Batch) -> None:
        with self._readmodel.writing() as connection:
            self._offsets.advance(connection, partition, following)
            self.rows.flush(connection)
            if self._changes is not None:
                self._changes.announce_facts(connection, batch.teams, batch.commands)
        self._offsets.advanced(partition, following)
        self.rows.settle()

    def _fold(self, records: Sequence[Record]) -> _Batch:
        batch = _Batch()
        try:
            with self.rows.reading():
                for record in records:
                    fact = read(record)
                    if _is_next(self.rows, record, fact):
                        _change(self.rows, fact, batch)
                    else:
                        batch.doubled += 1
                    batch.following = record.offset + 1
        except (HistoryDamaged, FactUnknown) as stopped:
            batch.stopped = stopped
        return batch


def _is_next(rows: Rows, record: Record, fact: Fact) -> bool:
    """Whether a fact goes on its team's chain; False: it was had already. Raises HistoryDamaged if neither."""
    stamp = fact.stamp
    team = rows.teams.find(stamp.team)
    sequence, previous = (team.sequence, team.hash) if team is not None else (0, GENESIS)
    if stamp.sequence <= sequence:
        if stamp.sequence == sequence and fact.hash != previous:
            raise _out_of_place(record, fact, f"there is another fact {sequence} before it")
        return False
    if stamp.sequence > sequence + 1:
        raise _out_of_place(record, fact, f"it is ahead: the fact before it should be {sequence}")
    if fact.previous_hash != previous:
        raise _out_of_place(record, fact, "it was sealed after another fact than the one before it")
    return True


def _out_of_place(record: Record, fact: Fact, what: str) -> HistoryDamaged:
    return HistoryDamaged(
        "history-damaged",
        f"{where(record)}: fact {fact.stamp.sequence} of team {fact.stamp.team} is out of place: {what}. "
        "The projection has stopped before it; restore the history from a copy.",
    )


def _change(rows: Rows, fact: Fact, batch: _Batch) -> None:
    """Everything that a fact changes: its team, its command, the rows of its type, and the history itself."""
    stamp = fact.stamp
    if stamp.sequence == 1:
        rows.teams.put(TeamRow(stamp.team, None, 0, GENESIS))
    team = rows.teams.edit(stamp.team)
    team.sequence, team.hash = stamp.sequence, fact.hash
    if (command := commands.note(rows, fact)) is not None:
        batch.commands.add((stamp.team, command))
    history.keep(rows, fact)
    project(rows, fact)
    batch.teams.add(stamp.team)
    batch.facts += 1
