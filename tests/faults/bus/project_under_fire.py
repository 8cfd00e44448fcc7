"""A service of its own, to be killed: a sink that keeps rows and positions in one SQLite transaction.

Arguments: the URL of the bus, the file of the sink, and after how many rows it is killed.
"""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.contract.bus.parts import Seen
from tests.faults.bus.doom import Doom
from tests.faults.seeds import follow

from ownstack_bus.connect import open_bus
from ownstack_bus.port import Record
from ownstack_contracts.topics import HISTORY


class Table:
    """Rows that are not unique by themselves: a record that is applied twice is there twice."""

    def __init__(self, path: Path | str, doom: Doom) -> None:
        self._doom = doom
        self.applied: Seen[Record] = Seen()
        self.connection = sqlite3.connect(path, isolation_level=None)
        self.connection.executescript(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;"
            "CREATE TABLE IF NOT EXISTS rows (partition INTEGER, position INTEGER, content TEXT);"
            "CREATE TABLE IF NOT EXISTS positions (partition INTEGER PRIMARY KEY, position INTEGER);"
        )

    async def positions(self) -> Mapping[int, int]:
        return dict(self.connection.execute("SELECT partition, position FROM positions"))

    async def apply(self, partition: int, records: Sequence[Record]) -> None:
        self._doom.count(len(records))
        self.connection.execute("BEGIN")
        for record in records:
            row = (partition, record.offset, record.value.decode())
            self.connection.execute("INSERT INTO rows VALUES (?, ?, ?)", row)
        position = (partition, records[-1].offset + 1)
        self.connection.execute("INSERT OR REPLACE INTO positions VALUES (?, ?)", position)
        self.connection.execute("COMMIT")
        self.applied.add(*records)


async def main() -> None:
    follow()
    bus = await open_bus(sys.argv[1])
    await bus.project(HISTORY.name, "readmodel", Table(sys.argv[2], Doom(int(sys.argv[3]))))


if __name__ == "__main__":
    asyncio.run(main())
