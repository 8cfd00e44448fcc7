"""How a migration changes tables that the history fills: it drops them, and the projections fill them again.

So it needs no knowledge of the shape before, and is right on a new database as well. Logs are migrated by hand.
"""

from __future__ import annotations

from sqlalchemy import Connection, inspect

from ownstack_readmodel.tables import METADATA, REBUILT


def recreate(connection: Connection) -> None:
    """Put empty tables of the present shape in the place of those that the history fills, positions and all."""
    rebuilt = {table.name for table in REBUILT}
    for name in sorted(rebuilt & set(inspect(connection).get_table_names())):
        connection.exec_driver_sql(f"DROP TABLE {name}")
    METADATA.create_all(connection, tables=list(REBUILT), checkfirst=False)
