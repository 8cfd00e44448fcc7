"""Rows of one table between the facts and the database: read once, changed in memory, written together."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any, Generic, TypeVar

import orjson
from sqlalchemy import Connection, Table

from ownstack_projections.sql import Statements

R = TypeVar("R")
Key = tuple[Any, ...]
Load = Callable[[], Connection]
"""Gives a connection on which what was flushed can be read."""

KEPT = 50_000
"""So many rows of a table stay in memory at most from one batch to the next, unless it has fewer of its own."""


class Store(Generic[R]):
    """The rows of a table, as a batch of facts leaves them. `settled`: whether a row need not be kept any longer;
    `kept`: how many are kept at most, if they are large."""

    def __init__(
        self,
        table: Table,
        kind: type[R],
        suffix: str,
        load: Load,
        settled: Callable[[R], bool] = lambda _: False,
        kept: int | None = None,
    ) -> None:
        self._kept = kept
        self._name, self._kind, self._load, self._settled = table.name + suffix, kind, load, settled
        self._statements = Statements(table, self._name)
        self._keys = [column.name for column in table.primary_key]
        self._key_of: Callable[[R], Key] = _tuple_of(self._keys)
        self._values_of: Callable[[R], Key] = _tuple_of(list(table.columns.keys()))
        self._json = [at for at, column in enumerate(table.columns) if column.info.get("json")]
        self._rows: dict[Key, R | None] = {}
        self._changed: dict[Key, None] = {}

    def find(self, *key: Any) -> R | None:
        """The row with this key, to be read only; None if there is none."""
        try:
            return self._rows[key]
        except KeyError:
            found = self._statements.select(self._load(), dict(zip(self._keys, key, strict=True)))
            row = self._rows[key] = self._row(found[0]) if found else None
            return row

    def edit(self, *key: Any) -> R:
        """The row with this key, to be changed. Raises KeyError if there is none."""
        row = self.find(*key)
        if row is None:
            raise KeyError(f"{self._name} has no row {key}")
        self._changed[key] = None
        return row

    def put(self, row: R) -> R:
        """Add a row, or put it in the place of the one with its key."""
        key = self._key_of(row)
        self._rows[key] = row
        self._changed[key] = None
        return row

    def delete(self, *key: Any) -> None:
        """Delete the row with this key, if there is one."""
        self._rows[key] = None
        self._changed[key] = None

    def keys_where(self, **wanted: Any) -> list[Key]:
        """The keys of all rows with these values, also of those that were not written yet."""
        for values in self._statements.select(self._load(), wanted):
            row = self._row(values)
            self._rows.setdefault(self._key_of(row), row)
        return [
            key
            for key, row in self._rows.items()
            if row is not None and all(getattr(row, name) == value for name, value in wanted.items())
        ]

    def flush(self, connection: Connection) -> None:
        """Write what has changed."""
        if not self._changed:
            return
        rows = [(key, self._rows[key]) for key in self._changed]
        self._statements.delete(connection, [key for key, row in rows if row is None])
        self._statements.upsert(connection, [self._values(row) for _, row in rows if row is not None])

    def settle(self) -> None:
        """What has changed is committed: forget what need not be kept."""
        for key in self._changed:
            row = self._rows[key]
            if row is None or self._settled(row):
                del self._rows[key]
        self._changed.clear()
        kept = KEPT if self._kept is None else self._kept
        if len(self._rows) > kept:
            for key in list(self._rows)[: len(self._rows) - kept // 2]:
                del self._rows[key]

    def forget(self) -> None:
        """Nothing was committed: go back to what the database holds."""
        self._rows.clear()
        self._changed.clear()

    def __len__(self) -> int:
        return len(self._rows)

    def _values(self, row: R) -> Key:
        values = self._values_of(row)
        if not self._json:
            return values
        written = list(values)
        for at in self._json:
            if written[at] is not None:
                written[at] = orjson.dumps(written[at]).decode()
        return tuple(written)

    def _row(self, values: Key) -> R:
        read = list(values)
        for at in self._json:
            if read[at] is not None:
                read[at] = orjson.loads(read[at])
        return self._kind(*read)


def _tuple_of(names: list[str]) -> Callable[[Any], Key]:
    getter = attrgetter(*names)
    return getter if len(names) > 1 else lambda row: (getter(row),)
