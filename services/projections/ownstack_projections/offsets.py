"""Offsets: stored beside the rows, in their transaction, and only if nobody else has moved them."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, Table, column, literal_column, table, update

from ownstack_projections.sql import Statements
from ownstack_projections.stopped import Outrun


class Offsets:
    """Per partition of a topic the offset of the record that comes next, as this process believes it to be stored."""

    def __init__(self, positions: Table, topic: str, suffix: str = "") -> None:
        name = positions.name + suffix
        self._topic = topic
        self._statements = Statements(positions, name)
        self._table = table(name, *(column(c.name, c.type) for c in positions.columns))
        self._name, self._next = name, dict[int, int]()
        self._identity: int | None = None

    def load(self, connection: Connection) -> Mapping[int, int]:
        """Believe what is stored."""
        self._identity = self._identify(connection)
        rows = self._statements.select(connection, {"topic": self._topic})
        self._next = {partition: following for _, partition, following in rows}
        return dict(self._next)

    def next_of(self, partition: int) -> int:
        """The offset that is believed to come next."""
        return self._next.get(partition, 0)

    def are_others(self, connection: Connection) -> bool:
        """Whether the tables were exchanged for others since: what was read from them may not hold any longer."""
        return self._identify(connection) != self._identity

    def _identify(self, connection: Connection) -> int | None:
        """PostgreSQL's own number of the table that has this name now. In SQLite nobody else exchanges tables."""
        if connection.dialect.name != "postgresql":
            return None
        number: int = connection.exec_driver_sql(f"SELECT '{self._name}'::regclass::oid::bigint").scalar_one()
        return number

    def advance(self, connection: Connection, partition: int, following: int) -> None:
        """Store the offset that comes next, in the transaction of the rows. Raises Outrun if another one is stored."""
        if not self._move(connection, partition, following):
            raise Outrun(
                "outrun",
                f"Partition {partition} of {self._topic} is projected by somebody else as well: its offset was moved. "
                "Nothing was written here; what is stored is where it goes on.",
            )

    def _move(self, connection: Connection, partition: int, following: int) -> bool:
        expected = self._next.get(partition)
        if expected is None:
            return self._statements.insert_new(connection, [(self._topic, partition, following)]) == 1
        stored = self._table.c
        moved = (
            update(self._table)
            .where(stored.topic == self._topic, stored.partition == partition, stored.next == expected)
            .values(next=following)
        )
        if self._identity is not None:
            moved = moved.where(literal_column("tableoid") == self._identity)
        return connection.execute(moved).rowcount == 1

    def advanced(self, partition: int, following: int) -> None:
        """It is committed."""
        self._next[partition] = following
