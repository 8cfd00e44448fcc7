"""Which failures of a database pass by themselves: nothing was written, nothing was lost, trying again is right."""

from __future__ import annotations

import sqlite3

from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

_SQLITE = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,  # it was open before: there are no more descriptors at the moment
    }
)
_POSTGRES_CLASSES = ("08", "53", "57P", "58")
"""Connections, resources, a server that ends or begins, its disk."""
_POSTGRES = frozenset(
    {
        "25006",  # read only: a server that was the leading one
        "25P03",  # a transaction that was idle for too long, as with a process that was stopped
        "25P04",
        "40001",
        "40P01",  # a deadlock: the other one goes on
        "55P03",  # a lock that was not to be had in time
        "57014",
    }
)


def passes(error: BaseException) -> bool:
    """Whether `error`, of SQLAlchemy, passes by itself."""
    if isinstance(error, PoolTimeout):
        return True
    if not isinstance(error, DBAPIError):
        return False
    if isinstance(error.orig, sqlite3.Error):
        return getattr(error.orig, "sqlite_errorcode", 0) & 0xFF in _SQLITE
    if error.connection_invalidated:
        return True
    state = getattr(error.orig, "sqlstate", None)
    if state is None:
        return type(error.orig).__name__ in ("OperationalError", "ConnectionTimeout")  # there is no connection
    return state in _POSTGRES or state.startswith(_POSTGRES_CLASSES)
