"""The file: how it is opened, which tables it has, and what is checked before it is used."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ownstack_bus.embedded.errors import translated
from ownstack_bus.embedded.segments import OFFSET_BITS
from ownstack_bus.port import BusError

VERSION = 1
BUSY_TIMEOUT_S = 10.0
CHECKPOINT_PAGES = 8_000
"""So many pages gather in the write-ahead log before they go to the file: whoever commits then waits for the disk."""
CACHE_KIB = 8 * 1024

_TABLES = """
CREATE TABLE bus_meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

-- One log per partition of a topic. Offsets below `start` are deleted (retention) and never given again.
CREATE TABLE bus_logs (
    id INTEGER PRIMARY KEY,
    topic TEXT NOT NULL,
    partition INTEGER NOT NULL,
    start INTEGER NOT NULL DEFAULT 0,
    start_timestamp INTEGER NOT NULL DEFAULT 0,
    UNIQUE (topic, partition)
);

-- What one commit appended to one log. id = log << 40 | offset of the last record.
CREATE TABLE bus_segments (
    id INTEGER PRIMARY KEY,
    first INTEGER NOT NULL,
    timestamp INTEGER NOT NULL,
    checksum INTEGER NOT NULL,
    body BLOB NOT NULL
);

-- How far a consumer is: all before `position` is done, and above it what the bitmap `done` says.
CREATE TABLE bus_progress (
    consumer TEXT NOT NULL,
    log INTEGER NOT NULL,
    position INTEGER NOT NULL,
    done BLOB NOT NULL,
    PRIMARY KEY (consumer, log)
) WITHOUT ROWID;

-- A commit is one INSERT into this view: one call into SQLite, so the writer waits once for its turn in the
-- interpreter, and not once per table.
CREATE VIEW bus_commit AS
    SELECT 0 AS kind, 0 AS id, 0 AS position, 0 AS timestamp, 0 AS checksum, x'' AS body, '' AS consumer WHERE 0;
CREATE TRIGGER bus_commit_segment INSTEAD OF INSERT ON bus_commit WHEN NEW.kind = 1 BEGIN
    INSERT INTO bus_segments VALUES (NEW.id, NEW.position, NEW.timestamp, NEW.checksum, NEW.body);
END;
CREATE TRIGGER bus_commit_progress INSTEAD OF INSERT ON bus_commit WHEN NEW.kind = 2 BEGIN
    INSERT OR REPLACE INTO bus_progress VALUES (NEW.consumer, NEW.id, NEW.position, NEW.body);
END;
"""


@dataclass(frozen=True, slots=True)
class LogState:
    """A log as the file holds it: offsets `start` to `end` (not included), and the last append time (ms)."""

    id: int
    topic: str
    partition: int
    start: int
    end: int
    timestamp: int


@contextmanager
def telling(path: Path) -> Iterator[None]:
    """What SQLite raises inside is raised as a BusError."""
    try:
        yield
    except sqlite3.Error as error:
        raise translated(error, path) from error


def connect(path: Path) -> sqlite3.Connection:
    """A connection that commits statement by statement, for one thread at a time.

    Raises BusError if the file can't be opened, is no database, or can't keep a write-ahead log.
    """
    with telling(path):
        connection = sqlite3.connect(
            path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False, cached_statements=64
        )
        try:
            (mode,) = connection.execute("PRAGMA journal_mode=WAL").fetchone()
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute(f"PRAGMA wal_autocheckpoint={CHECKPOINT_PAGES}")
            connection.execute(f"PRAGMA cache_size={-CACHE_KIB}")
        except BaseException:
            connection.close()
            raise
    if mode != "wal":
        connection.close()
        raise BusError("bus-not-writable", f"{path}: no write-ahead log is possible there. Use a file on a local disk.")
    return connection


def prepare(connection: sqlite3.Connection, path: Path, topics: Iterable[str], partitions: int) -> list[LogState]:
    """Make what is missing, check what is there, and say how every log stands. One transaction.

    Raises BusError `bus-schema-newer`, `bus-partitions-changed`, or as the file is found.
    """
    with telling(path):
        connection.execute("BEGIN IMMEDIATE")
        try:
            _create(connection, partitions)
            _check(connection, path, partitions)
            wanted = [(topic, partition) for topic in topics for partition in range(partitions)]
            connection.executemany("INSERT OR IGNORE INTO bus_logs (topic, partition) VALUES (?, ?)", wanted)
            states = _states(connection, set(wanted))
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
    return states


def _create(connection: sqlite3.Connection, partitions: int) -> None:
    known = connection.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'bus_meta'").fetchone()
    if known:
        return
    for statement in _statements(_TABLES):
        connection.execute(statement)
    connection.executemany(
        "INSERT INTO bus_meta VALUES (?, ?)", [("version", str(VERSION)), ("partitions", str(partitions))]
    )


def _statements(script: str) -> Iterator[str]:
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _check(connection: sqlite3.Connection, path: Path, partitions: int) -> None:
    meta: dict[str, str] = dict(connection.execute("SELECT key, value FROM bus_meta"))
    version = int(meta.get("version", VERSION))
    if version > VERSION:
        raise BusError(
            "bus-schema-newer",
            f"{path} was written by a newer OwnStack (bus tables version {version}, this one knows {VERSION}). Install "
            "that version or a later one.",
        )
    there = int(meta.get("partitions", partitions))
    if there != partitions:
        raise BusError(
            "bus-partitions-changed",
            f"{path} has {there} partitions per topic, asked for were {partitions}. The number is fixed for life: open "
            f"it with {there}, or use a new file.",
        )


def _states(connection: sqlite3.Connection, wanted: set[tuple[str, int]]) -> list[LogState]:
    states = []
    rows = connection.execute("SELECT id, topic, partition, start, start_timestamp FROM bus_logs").fetchall()
    for log, topic, partition, start, timestamp in rows:
        if (topic, partition) not in wanted:
            continue
        last = connection.execute(
            "SELECT id, timestamp FROM bus_segments WHERE id >= ? AND id < ? ORDER BY id DESC LIMIT 1",
            (log << OFFSET_BITS, (log + 1) << OFFSET_BITS),
        ).fetchone()
        end = max(start, (last[0] & ((1 << OFFSET_BITS) - 1)) + 1) if last else start
        states.append(LogState(log, topic, partition, start, end, max(timestamp, last[1]) if last else timestamp))
    return states
