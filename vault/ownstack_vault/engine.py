"""Opens the vault: an engine of its own, durable to the last commit, with the tables migrated to the present."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import ConnectionPoolEntry

from ownstack_vault.addresses import SCHEMES, parsed, told
from ownstack_vault.errors import SecretUnreadable, VaultUnusable
from ownstack_vault.secretkeys import SecretKeys
from ownstack_vault.secrets import refuse_unknown
from ownstack_vault.store import Store
from ownstack_vault.unreachable import explained
from ownstack_vault.vault import Vault

BUSY_TIMEOUT_MS = 10_000
MIGRATION_LOCK = 7_061_011
"""Of PostgreSQL's advisory locks the one of whoever migrates: processes that start at once take turns."""

SET_UP = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
    "application_name": "ownstack-vault",
}
"""So that a server that is gone is noticed (seconds, tcp_user_timeout in ms). What the URL says goes before."""
OPTIONS = "-c synchronous_commit=on -c idle_in_transaction_session_timeout=10s"
"""A revoked token must stay revoked over a power cut, whatever else the server is set to."""


def open_vault(
    url: str, write_lock: AbstractContextManager[object] | None = None, secret_keys: SecretKeys | None = None
) -> Vault:
    """Open, or create, the vault in the database at `url`: `sqlite:////var/lib/ownstack.db`, or
    `postgresql://user:password@host:5432/name`.

    write_lock: held during every write; whoever writes to the same SQLite file shares it. None: nobody else writes.
    secret_keys: None where nothing is to be sealed or opened. Raises VaultUnusable (`secret-key-wrong`: there are keys
    that these do not open), with `passing` if it is worth trying again, and sqlalchemy.exc.DBAPIError if an SQLite file
    can't be opened.
    """
    lock = write_lock or nullcontext()
    address = parsed(url)
    engine = _engine(address)
    try:
        with _explaining(address), lock, engine.begin() as connection:
            _upgrade(connection)
            if secret_keys is not None:
                refuse_unknown(connection, secret_keys)
    except Exception:
        engine.dispose()
        raise
    return Vault(Store(engine, lock), secret_keys)


@contextmanager
def _explaining(address: URL) -> Iterator[None]:
    """What goes wrong while a vault is opened, as VaultUnusable."""
    try:
        yield
    except SecretUnreadable as wrong:
        raise VaultUnusable(wrong.code, wrong.message, wrong.hint) from None
    except CommandError as error:
        message = f"The vault at {told(address)} is not of this release ({error})."
        raise VaultUnusable("database-newer", message, "Run the release that made it, or a newer one.") from error
    except DBAPIError as error:
        if address.get_backend_name() == "sqlite":
            raise
        raise explained(address, error) from error


def _engine(url: URL) -> Engine:
    if url.drivername in SCHEMES:
        return _postgres_engine(url)
    engine = create_engine(url, hide_parameters=True)
    event.listen(engine, "connect", _set_up_sqlite)
    return engine


def _postgres_engine(url: URL) -> Engine:
    arguments: dict[str, object] = {key: value for key, value in SET_UP.items() if key not in url.query}
    given = url.query.get("options", "")
    arguments["options"] = f"{given if isinstance(given, str) else ' '.join(given)} {OPTIONS}".strip()
    try:
        return create_engine(
            url.set(drivername="postgresql+psycopg"),
            connect_args=arguments,
            pool_pre_ping=True,
            max_overflow=5,
            hide_parameters=True,
        )
    except ModuleNotFoundError as error:
        raise VaultUnusable(
            "database-driver-missing",
            f"A PostgreSQL needs a driver that is not installed here ({error.name}).",
            "Install it: pip install 'ownstack[postgres]'.",
        ) from None


def _set_up_sqlite(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    """A revoked token must stay revoked over a power cut: FULL, whatever others on the same file choose. A key that is
    destroyed must be overwritten."""
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "secure_delete=ON", f"busy_timeout={BUSY_TIMEOUT_MS}"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _upgrade(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK})")
    else:
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # sqlite3 begins nothing for statements that make tables
    config = Config()
    scripts = str(Path(__file__).parent / "migrations")
    config.set_main_option("script_location", scripts.replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
