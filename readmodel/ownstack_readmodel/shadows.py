"""Tables beside the live ones, in which the model is built anew, and their exchange in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Set
from contextlib import contextmanager, suppress

from sqlalchemy import Connection, Index, MetaData, Table, inspect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateIndex
from sqlalchemy.sql import quoted_name

from ownstack_readmodel.errors import DatabaseUnusable
from ownstack_readmodel.model import WRITES, ReadModel
from ownstack_readmodel.tables import POSITIONS, REBUILT

SLICE = 2_000
"""So many rows are deleted in one transaction."""
LOCK_MS = 5_000
"""So long the exchange waits for a query, and all later ones for it."""
HOLD_MS = 60_000
"""So long a process that was stopped while it held up the writers may do so."""
BUILD_LOCK = 7_061_002
"""Of PostgreSQL's advisory locks the one of whoever builds."""
SEPARATOR = "__"
"""Between the name of a live table and the suffix of one beside it."""


class Shadows:
    """One set of such tables. Their indexes keep the suffix when the tables take the live names."""

    def __init__(self, readmodel: ReadModel, build: str) -> None:
        self.suffix = f"{SEPARATOR}{build}"
        self._old = f"{SEPARATOR}old{SEPARATOR}{build}"
        self._readmodel = readmodel
        self._indexes: list[Index] = []
        self._hold: Connection | None = None
        self._turn: Connection | None = None

    @contextmanager
    def alone(self) -> Iterator[None]:
        """No other process builds meanwhile. Raises DatabaseUnusable (`rebuild-running`) if one does."""
        self.keep_alone()
        try:
            yield
        finally:
            self._end_turn()

    def keep_alone(self) -> None:
        """Make sure, within `alone`, that still nobody else builds: a connection that is lost takes its lock with it.

        Raises sqlalchemy.exc.DBAPIError, which passes, if it was lost; the next call takes the lock anew, or raises
        DatabaseUnusable (`rebuild-running`), which passes if the server has only not noticed the loss yet.
        """
        if self._readmodel.engine.dialect.name != "postgresql":
            return
        if self._turn is None:
            self._turn = self._take_turn()
            return
        try:
            self._turn.exec_driver_sql("SELECT 1")
            self._turn.commit()
        except DBAPIError:
            self._end_turn()
            raise

    def _take_turn(self) -> Connection:
        turn = self._readmodel.engine.connect().execution_options(**{WRITES: True})
        try:
            turn.detach()  # the pool must not give it to others, with the lock
            if not turn.exec_driver_sql("SELECT pg_try_advisory_lock(%s)", (BUILD_LOCK,)).scalar_one():
                raise _running("Another process is building this read model anew.", passing=True)
            turn.commit()
        except BaseException:
            _close(turn)
            raise
        return turn

    def _end_turn(self) -> None:
        """Unlock, since the server may notice only later that the connection was closed: the next build is let in."""
        turn, self._turn = self._turn, None
        if turn is not None:
            if not turn.invalidated:
                with suppress(DBAPIError):  # the connection was lost, and the lock with it
                    turn.exec_driver_sql("SELECT pg_advisory_unlock(%s)", (BUILD_LOCK,))
            _close(turn)

    def create(self) -> None:
        """Create the tables, empty; what an interrupted build left is dropped first.

        In PostgreSQL they have no indexes yet but their keys: they are made at once when there is something to find.
        In SQLite that would hold up all writers of the file.
        """
        self._drop(self._beside())
        self._indexes.clear()
        metadata = MetaData()
        for table in REBUILT:
            _copy(table, metadata, self.suffix)
        if self._readmodel.engine.dialect.name == "postgresql":
            for table in metadata.tables.values():
                self._indexes += table.indexes
                table.indexes.clear()
        with self._readmodel.writing() as connection:
            metadata.create_all(connection, checkfirst=False)

    def index(self) -> None:
        """Make the indexes that are not there yet."""
        while self._indexes:
            with self._readmodel.writing() as connection:
                connection.execute(CreateIndex(self._indexes[-1], if_not_exists=True))
            self._indexes.pop()

    def hold_writers(self) -> None:
        """Let nobody else write to the live tables until `exchange` or `let_go`; queries go on.

        For PostgreSQL; an SQLite file has one process, and its writers a lock. Raises sqlalchemy.exc.DBAPIError, which
        passes, if somebody else holds them for too long.
        """
        if self._readmodel.engine.dialect.name == "postgresql":
            self._hold = self._readmodel.engine.connect().execution_options(**{WRITES: True})
            self._hold.begin()
            self._hold.exec_driver_sql(f"SET LOCAL lock_timeout = {LOCK_MS}")
            self._hold.exec_driver_sql(f"SET LOCAL idle_in_transaction_session_timeout = {HOLD_MS}")
            self._hold.exec_driver_sql(f"LOCK TABLE {POSITIONS.name} IN EXCLUSIVE MODE")

    def exchange(self) -> None:
        """Let these tables take the place of the live ones, all at once. Queries see either the ones or the others.

        Raises sqlalchemy.exc.DBAPIError, which passes, if a query does not end for too long; nothing has changed then.
        Where the connection is lost, `are_exchanged` tells.
        """
        self.index()
        if self._hold is None:
            with self._readmodel.writing() as connection:
                self._exchange(connection)
        else:
            self._hold.exec_driver_sql(f"LOCK TABLE {POSITIONS.name} IN ACCESS EXCLUSIVE MODE")
            self._exchange(self._hold)
            self._hold.commit()

    def let_go(self) -> None:
        """Let others write again; if nothing was exchanged, the live tables are as they were."""
        hold, self._hold = self._hold, None
        if hold is not None:
            _close(hold)

    def are_exchanged(self) -> bool:
        """Whether these tables have the live names; what was told to commit that has ended, and is seen.

        Raises DatabaseUnusable (`rebuild-running`) if they are no longer there: another process builds, or has built.
        """
        names = self._names()
        if POSITIONS.name + self.suffix in names:
            return False
        if POSITIONS.name + self._old in names:
            return True
        raise _running("Another process has begun to build this read model anew, and dropped what was built here.")

    def _exchange(self, connection: Connection) -> None:
        for table in REBUILT:
            _rename(connection, table.name, table.name + self._old)
            _rename(connection, table.name + self.suffix, table.name)
        self._readmodel.changes.announce_all(connection)

    def drop(self) -> None:
        """Drop what these tables, or those in whose place they came, have left beside the live ones: little by little,
        so that no other writer waits for long."""
        self._drop([(table, name) for table, name in self._beside() if name.endswith((self.suffix, self._old))])

    def _drop(self, beside: Iterable[tuple[Table, str]]) -> None:
        for table, name in beside:
            if self._readmodel.engine.dialect.name == "sqlite":
                self._empty(table, name)
            with self._readmodel.writing() as connection:
                connection.exec_driver_sql(f"DROP TABLE IF EXISTS {name}")

    def _beside(self) -> list[tuple[Table, str]]:
        """The names of all tables beside live ones, each with the live one."""
        names = sorted(self._names())
        return [(table, name) for table in REBUILT for name in names if name.startswith(table.name + SEPARATOR)]

    def _names(self) -> Set[str]:
        with self._readmodel.reading() as connection:
            return set(inspect(connection).get_table_names())

    def _empty(self, table: Table, name: str) -> None:
        """SQLite goes through all pages of a table that it drops, for seconds if there are many."""
        keys = ", ".join(column.name for column in table.primary_key)
        some = f"SELECT {keys} FROM {name} LIMIT {SLICE}"  # noqa: S608 - our own names
        emptied = False
        while not emptied:
            with self._readmodel.writing() as connection:
                deleted = connection.exec_driver_sql(f"DELETE FROM {name} WHERE ({keys}) IN ({some})")  # noqa: S608 - as above
                emptied = deleted.rowcount < SLICE


def _copy(table: Table, metadata: MetaData, suffix: str) -> None:
    copy = table.to_metadata(metadata, name=table.name + suffix)
    for index in copy.indexes:
        index.name = quoted_name(f"{index.name}{suffix}", quote=None)  # SQLite can't rename an index later


def _rename(connection: Connection, name: str, to: str) -> None:
    connection.exec_driver_sql(f"ALTER TABLE {name} RENAME TO {to}")


def _close(connection: Connection) -> None:
    """Roll back and close; of one that was lost the server does so."""
    with suppress(DBAPIError):
        connection.close()


def _running(what: str, *, passing: bool = False) -> DatabaseUnusable:
    return DatabaseUnusable("rebuild-running", what, "Wait until it is done; there is no use in two.", passing=passing)
