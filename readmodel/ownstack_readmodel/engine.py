"""Opens the read model, migrated to the present: in SQLite, beside other rooms in one file, or in PostgreSQL."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import URL, Connection, Engine
from sqlalchemy.exc import DBAPIError

from ownstack_readmodel.addresses import SCHEMES, parsed, told
from ownstack_readmodel.changes import Channel, LocalChanges
from ownstack_readmodel.errors import DatabaseUnusable
from ownstack_readmodel.model import WRITES, ReadModel
from ownstack_readmodel.postgres import postgres_engine
from ownstack_readmodel.sqlite import sqlite_engine
from ownstack_readmodel.unreachable import explained

MIGRATION_LOCK = 7_061_001
"""Of PostgreSQL's advisory locks the one of whoever migrates: processes that start at once take turns."""


def open_readmodel(url: str, write_lock: AbstractContextManager[object] | None = None) -> ReadModel:
    """Open, or create, the read model in the database at `url`: `sqlite:////var/lib/own.db`, or
    `postgresql://user:password@host:5432/name`.

    write_lock: held during every write; whoever writes to the same SQLite file shares it. None: nobody else writes.
    Raises DatabaseUnusable, with `passing` if it is worth trying again, and sqlalchemy.exc.DBAPIError if an SQLite
    file can't be opened.
    """
    lock = write_lock or nullcontext()
    address = parsed(url)
    engine = _engine(address)
    try:
        with lock, engine.connect() as plain:
            connection = plain.execution_options(**{WRITES: True})
            with connection.begin():
                _upgrade(connection)
    except CommandError as error:
        engine.dispose()
        raise _newer(address, error) from error
    except DBAPIError as error:
        engine.dispose()
        if engine.dialect.name == "sqlite":
            raise
        raise explained(address, error) from error
    return ReadModel(engine, lock, _changes(engine))


def _engine(url: URL) -> Engine:
    return postgres_engine(url) if url.drivername in SCHEMES else sqlite_engine(url)


def _changes(engine: Engine) -> Channel:
    """Within a process that has the file alone it is enough to tell each other; else the database tells."""
    if engine.dialect.name == "sqlite":
        return LocalChanges()
    from ownstack_readmodel.notifying import PostgresChanges  # noqa: PLC0415 - its driver is an extra

    return PostgresChanges(engine)


def _upgrade(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET LOCAL lock_timeout = 0")  # whoever migrates may take long, and all wait
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})")
    config = Config()
    scripts = str(Path(__file__).parent / "migrations")
    config.set_main_option("script_location", scripts.replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _newer(url: URL, error: CommandError) -> DatabaseUnusable:
    return DatabaseUnusable(
        "database-newer",
        f"The read model at {told(url)} is not of this release ({error}).",
        "Run the release that made it, or a newer one.",
    )
