"""Opens the vault: an engine of its own, durable to the last commit, with the tables migrated to the present."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from ownstack_vault.tokens import Vault

VERSION_TABLE = "vault_alembic_version"
BUSY_TIMEOUT_MS = 10_000


def open_vault(url: str, write_lock: AbstractContextManager[object] | None = None) -> Vault:
    """Open, or create, the vault in the database at `url` (as SQLAlchemy writes it: `sqlite:////var/lib/ownstack.db`).

    write_lock: held during every write; whoever writes to the same SQLite file shares it. None: nobody else writes.
    Raises sqlalchemy.exc.DBAPIError if the database can't be opened.
    """
    lock = write_lock or nullcontext()
    engine = _engine(url)
    with lock, engine.begin() as connection:
        _upgrade(connection)
    return Vault(engine, lock)


def _engine(url: str) -> Engine:
    engine = create_engine(url)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _set_up_sqlite)
    return engine


def _set_up_sqlite(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    """A revoked token must stay revoked over a power cut: FULL, whatever others on the same file choose."""
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", f"busy_timeout={BUSY_TIMEOUT_MS}"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _upgrade(connection: Connection) -> None:
    config = Config()
    scripts = str(Path(__file__).parent / "migrations")
    config.set_main_option("script_location", scripts.replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
