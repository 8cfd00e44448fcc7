"""The engine of a read model in PostgreSQL, which any number of processes share."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine import ExceptionContext

from ownstack_readmodel.errors import DatabaseUnusable
from ownstack_readmodel.model import READERS, WRITES
from ownstack_readmodel.tables import POSITIONS

DRIVER = "postgresql+psycopg"

SET_UP: Mapping[str, object] = {
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
    "application_name": "ownstack-readmodel",
}
"""So that a server that is gone is noticed (seconds, tcp_user_timeout in ms). What the URL says goes before."""

IDLE_MS = 10_000
"""A process that is stopped in the middle of a transaction (SIGSTOP, a frozen machine) holds up nobody for longer."""
OPTIONS = (
    f"-c synchronous_commit=off -c idle_in_transaction_session_timeout={IDLE_MS} "
    "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3"
)
"""Offsets are in the transactions of their rows: after a crash of the server the model may be a little behind, and
goes on from there. So nobody waits for the disk. And the server notices within half a minute that a process is gone, in
the middle of a COPY as well, and lets go of its locks."""

LOCK_WAIT_MS = 30_000
"""So long a writer waits for a lock; then it fails for something that passes, and says so."""

_READING = f"BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; LOCK TABLE {POSITIONS.name} IN ACCESS SHARE MODE"
"""The lock comes before the first look at anything: so a query sees all tables of before an exchange, or all after."""


def postgres_engine(url: URL) -> Engine:
    """An engine that survives a restart of the server. Raises DatabaseUnusable if there is no driver."""
    arguments: dict[str, object] = {key: value for key, value in SET_UP.items() if key not in url.query}
    given = url.query.get("options", "")
    arguments["options"] = f"{OPTIONS} {given if isinstance(given, str) else ' '.join(given)}".strip()
    try:
        engine = create_engine(
            url.set(drivername=DRIVER),
            connect_args=arguments,
            pool_size=READERS + 2,
            max_overflow=6,
            pool_pre_ping=True,
            hide_parameters=True,
            isolation_level="AUTOCOMMIT",  # BEGIN is ours
        )
    except ModuleNotFoundError as error:
        raise driver_missing(error) from None
    event.listen(engine, "begin", _begin)
    event.listen(engine, "handle_error", _without_rows)
    return engine


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get(WRITES)
    connection.exec_driver_sql(f"BEGIN; SET LOCAL lock_timeout = {LOCK_WAIT_MS}" if writes else _READING)


def _without_rows(context: ExceptionContext) -> None:
    """What the server says below its first line (DETAIL, CONTEXT) repeats rows, which may hold secrets."""
    if getattr(context.original_exception, "sqlstate", None) is None:
        return
    for error in (context.original_exception, context.sqlalchemy_exception):
        if error is not None:
            error.args = (str(error.args[0]).partition("\n")[0],)


def driver_missing(error: ModuleNotFoundError) -> DatabaseUnusable:
    """What is said where the extra is not installed."""
    return DatabaseUnusable(
        "database-driver-missing",
        f"A PostgreSQL needs a driver that is not installed here ({error.name}).",
        "Install it: pip install 'ownstack[postgres]'.",
    )
