"""What the writer's thread knows of the file, and how it writes a commit: everything in one statement."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ownstack_bus.embedded import segments
from ownstack_bus.embedded.log import Log
from ownstack_bus.embedded.schema import LogState
from ownstack_bus.embedded.times import Times
from ownstack_bus.port import BusError, Outgoing, Record
from ownstack_bus.progress import Progress

_Values = tuple[int, int, int, int, int, bytes, str]
_SEGMENT, _PROGRESS = 1, 2
_NOTHING: _Values = (0, 0, 0, 0, 0, b"", "")
_MAX_ROWS = 256
_INSERT = {
    1 << power: "INSERT INTO bus_commit VALUES " + ", ".join(["(?,?,?,?,?,?,?)"] * (1 << power))  # noqa: S608 - no input
    for power in range(_MAX_ROWS.bit_length())
}
"""By number of rows. Few different statements, so all stay prepared; the rows that are too many are _NOTHING."""


class Fence:
    """Keeps the commits of one owner in line: once one has failed, the later ones of this owner fail too."""

    __slots__ = ("broken",)

    def __init__(self) -> None:
        self.broken: BusError | None = None


@dataclass(slots=True, eq=False)
class Submission:
    """What is to be committed together. `future` is done when it is durable, or has the BusError.

    positions: (consumer, log, offset of the next record). acks: (consumer, log, offset of a record that is done).
    then: called on the event loop once it is durable, also when nobody waits for the future any more.
    """

    future: asyncio.Future[None]
    appends: dict[Log, list[Outgoing]]
    positions: Sequence[tuple[str, Log, int]] = ()
    acks: Sequence[tuple[str, Log, int]] = ()
    fence: Fence | None = None
    then: Callable[[], None] | None = None


@dataclass(slots=True)
class Commit:
    """One commit in the making: the rows to be written, and what is true once they are."""

    rows: list[_Values] = field(default_factory=list)
    appended: list[tuple[Log, list[Record]]] = field(default_factory=list)
    ends: dict[int, int] = field(default_factory=dict)


class Ledger:
    """The writing connection, and how every log and consumer stands. The writer's thread's own."""

    def __init__(self, connection: sqlite3.Connection, states: Iterable[LogState], times: Times) -> None:
        self._connection = connection
        self._times = times
        states = list(states)
        self._ends = {state.id: state.end for state in states}
        self._starts = {state.id: state.start for state in states}
        self._progress: dict[tuple[str, int], Progress] = {}

    def draft(self, submissions: Sequence[Submission]) -> Commit:
        """What is to be written to commit these together; `write` or `roll_back` comes next."""
        commit = Commit()
        self._append(commit, submissions)
        self._advance(commit, submissions)
        return commit

    def write(self, commit: Commit) -> None:
        """Commit a draft.

        Raises sqlite3.Error: nothing was committed, and `roll_back` is to be called.
        """
        self._insert(commit.rows)
        self._ends |= commit.ends

    def roll_back(self) -> None:
        """A commit failed. What it would have made of the progress is in memory only: it is read again when needed."""
        self._progress.clear()
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def progress(self, consumer: str, log: int) -> Progress:
        """How far `consumer` is in a log."""
        found = self._progress.get((consumer, log))
        if found is None:
            row = self._connection.execute(
                "SELECT position, done FROM bus_progress WHERE consumer = ? AND log = ?", (consumer, log)
            ).fetchone()
            found = self._progress[consumer, log] = Progress(*row) if row else Progress(0, b"")
        found.skip(self._starts[log])
        return found

    def started(self, log: int, start: int) -> None:
        """What was before `start` is deleted."""
        self._starts[log] = start

    def _append(self, commit: Commit, submissions: Sequence[Submission]) -> None:
        appends: dict[Log, list[Outgoing]] = {}
        for submission in submissions:
            for log, outgoing in submission.appends.items():
                appends.setdefault(log, []).extend(outgoing)
        stamps = {
            partition: self._times.of(partition).stamp() for partition in {log.place.partition for log in appends}
        }
        for log, outgoing in appends.items():
            end = self._ends[log.id]
            records = segments.placed(log.place, end, stamps[log.place.partition], outgoing)
            commit.ends[log.id] = end + len(records)
            commit.appended.append((log, records))
            for run in segments.cut(records):
                commit.rows.append((_SEGMENT, *segments.encode(log.id, run), ""))

    def _advance(self, commit: Commit, submissions: Sequence[Submission]) -> None:
        changed: dict[tuple[str, int], Progress] = {}
        for submission in submissions:
            for consumer, log, position in submission.positions:
                changed[consumer, log.id] = self._progress[consumer, log.id] = Progress(position, b"")
            for consumer, log, offset in submission.acks:
                key = (consumer, log.id)
                progress = changed.get(key)
                if progress is None:
                    progress = changed[key] = self.progress(consumer, log.id)
                progress.add(offset)
        for (consumer, log_id), progress in changed.items():
            done = progress.encoded()
            commit.rows.append((_PROGRESS, log_id, progress.position, 0, 0, done, consumer))

    def _insert(self, rows: list[_Values]) -> None:
        if len(rows) <= _MAX_ROWS:
            self._insert_some(rows)
            return
        self._connection.execute("BEGIN IMMEDIATE")
        for i in range(0, len(rows), _MAX_ROWS):
            self._insert_some(rows[i : i + _MAX_ROWS])
        self._connection.execute("COMMIT")

    def _insert_some(self, rows: list[_Values]) -> None:
        if not rows:
            return
        count = 1 << (len(rows) - 1).bit_length()
        values: list[Any] = [value for row in rows for value in row]
        values += _NOTHING * (count - len(rows))
        self._connection.execute(_INSERT[count], values)
