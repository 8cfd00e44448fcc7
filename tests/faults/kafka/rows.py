"""Whether the read model is what a fresh rebuild of it is: all rows of all tables, one by one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

from sqlalchemy import select
from tests.real.postgres import database

from ownstack_bus.port import Bus
from ownstack_contracts.topics import HISTORY
from ownstack_projections.rebuild import rebuild
from ownstack_readmodel import ReadModel, open_readmodel
from ownstack_readmodel.tables import POSITIONS, REBUILT

Rows = dict[str, set[tuple[Any, ...]]]
SHOWN = 3
"""So many rows of each table are shown that differ."""


async def behind(bus: Bus, readmodel: ReadModel) -> dict[int, tuple[int, int]]:
    """Per partition of the history that is not in the read model as a whole: how far that is, and the end."""
    positions = await readmodel.positions(HISTORY.name)
    ends = {
        partition: await bus.end(HISTORY.name, partition) for partition in range(await bus.partitions(HISTORY.name))
    }
    found = {p: (positions.get(p, 0), end) for p, end in ends.items()}
    return {p: (position, end) for p, (position, end) in found.items() if await _left(bus, p, position, end)}


async def _left(bus: Bus, partition: int, position: int, end: int) -> bool:
    """Whether there are records: before the end there may be only the marks of transactions."""
    if position >= end:
        return False
    return bool([record async for record in bus.read(HISTORY.name, partition, end=end) if record.offset >= position])


async def differences(bus: Bus, url: str) -> list[str]:
    """How the read model at `url` differs from one that is built anew from the whole history, in another database."""
    with database() as other:
        fresh = await asyncio.to_thread(open_readmodel, other)
        try:
            await rebuild(bus, fresh)
            expected = await asyncio.to_thread(_dump, fresh)
        finally:
            await asyncio.to_thread(fresh.close)
    present = await asyncio.to_thread(open_readmodel, url)
    try:
        return list(_compared(await asyncio.to_thread(_dump, present), expected))
    finally:
        await asyncio.to_thread(present.close)


def _dump(readmodel: ReadModel) -> Rows:
    with readmodel.reading() as connection:
        return {
            table.name: {tuple(row) for row in connection.execute(select(table))}
            for table in REBUILT
            if table is not POSITIONS
        }


def _compared(present: Rows, expected: Rows) -> Iterator[str]:
    if not expected["rm_history"]:
        yield "there is no history to compare"
    for name, rows in expected.items():
        for row in sorted(map(str, rows - present[name]))[:SHOWN]:
            yield f"{name}: a rebuild has {row}"
        for row in sorted(map(str, present[name] - rows))[:SHOWN]:
            yield f"{name}: only the live one has {row}"
