"""What SQLite says, in the words of the bus: a code, a sentence, what to do."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from ownstack_bus.port import BusError


def translated(error: sqlite3.Error, path: Path) -> BusError:
    """The BusError for what SQLite raised about the file at `path`."""
    primary = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    code, sentence = _MEANINGS.get(
        primary, ("bus-error", "SQLite refused an operation. This is a fault of the bus; report it.")
    )
    return BusError(code, f"{path}: {sentence} (SQLite: {error})")


def corrupt(path: Path, what: str) -> BusError:
    """The BusError for content that is not what was written."""
    return BusError("bus-corrupt", f"{path}: {_DAMAGED} ({what})")


_DAMAGED = (
    "The file is damaged. Stop everything that uses it, keep a copy of it with its -wal file, and restore the last "
    "backup; `sqlite3 FILE .recover` shows what can still be read."
)
_NOT_WRITABLE = "The file can't be written. Let the user that runs this own the file and its folder, and start again."

_MEANINGS = {
    sqlite3.SQLITE_FULL: (
        "disk-full",
        "The disk is full. Nothing that was acknowledged is lost; make room, the bus goes on by itself.",
    ),
    sqlite3.SQLITE_IOERR: (
        "bus-io-error",
        "The disk refused to read or write. Nothing that was acknowledged is lost; check the disk, its quota and the "
        "limits of this process, the bus goes on by itself once it can.",
    ),
    sqlite3.SQLITE_BUSY: (
        "bus-busy",
        "Another program keeps the file locked. Close it (a sqlite3 shell, a backup); the bus tries again.",
    ),
    sqlite3.SQLITE_CORRUPT: ("bus-corrupt", _DAMAGED),
    sqlite3.SQLITE_NOTADB: (
        "bus-not-a-database",
        "This file is not an SQLite database. Check OWNSTACK_BUS, or move the file away and start again.",
    ),
    sqlite3.SQLITE_READONLY: ("bus-not-writable", _NOT_WRITABLE),
    sqlite3.SQLITE_PERM: ("bus-not-writable", _NOT_WRITABLE),
    sqlite3.SQLITE_CANTOPEN: (
        "bus-not-writable",
        "The file can't be opened. Check that its folder exists and that the user that runs this may write to it.",
    ),
}
