"""How a migration changes tables that the history fills: it drops them, and the projections fill them again.

So it needs no knowledge of the shape before, and is right on a new database as well. Logs are migrated by hand.
"""

from __future__ import annotations

from hashlib import sha256

from sqlalchemy import Connection, inspect
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from ownstack_readmodel.tables import METADATA, REBUILT


def recreate(connection: Connection) -> None:
    """Put empty tables of the present shape in the place of those that the history fills, positions and all."""
    rebuilt = {table.name for table in REBUILT}
    for name in sorted(rebuilt & set(inspect(connection).get_table_names())):
        connection.exec_driver_sql(f"DROP TABLE {name}")
    METADATA.create_all(connection, tables=list(REBUILT), checkfirst=False)


def shape() -> str:
    """What stands for the shape of these tables: it changes with every column and index."""
    dialect = sqlite.dialect()
    written = []
    for table in REBUILT:
        written.append(str(CreateTable(table).compile(dialect=dialect)))
        indexes = sorted(table.indexes, key=lambda index: str(index.name))
        written += [str(CreateIndex(index).compile(dialect=dialect)) for index in indexes]
    return sha256("\n".join(written).encode()).hexdigest()[:16]
