"""How far the read model has come."""

from __future__ import annotations

from sqlalchemy import Connection, select

from ownstack_contracts.topics import LOGS
from ownstack_readmodel.tables import LOG_POSITIONS, POSITIONS


def positions(connection: Connection, topic: str) -> dict[int, int]:
    """Per partition of a topic the offset of the record that comes next; absent: 0."""
    table = LOG_POSITIONS if topic == LOGS.name else POSITIONS
    rows = connection.execute(select(table.c.partition, table.c.next).where(table.c.topic == topic))
    return dict(rows.all())
