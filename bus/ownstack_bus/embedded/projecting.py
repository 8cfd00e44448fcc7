"""`project`: feeds a sink from the positions that it keeps itself."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from ownstack_bus.embedded.log import Log
from ownstack_bus.embedded.reader import Cursor, Reader
from ownstack_bus.embedded.telling import Told
from ownstack_bus.embedded.writer import Writer
from ownstack_bus.port import Sink

BATCH = 2_000


async def project(writer: Writer, reader: Reader, logs: Sequence[Log], sink: Sink, told: Told) -> None:
    """Apply batch after batch, one at a time, the partitions in turn, until cancelled.

    Raises BusError `bus-corrupt`, `bus-closed`; and what the sink raises.
    """
    positions = await sink.positions()
    cursors = [Cursor(reader, log, positions.get(log.place.partition, 0)) for log in logs]
    more = asyncio.Event()
    for log in logs:
        log.listen(more)
    told.begun()
    told.behind(cursors)
    try:
        while True:
            more.clear()
            writer.check()
            for cursor in cursors:
                if records := await cursor.take(BATCH):
                    await sink.apply(cursor.log.place.partition, records)
                    told.taken(len(records), [cursor])
            if not any(cursor.behind for cursor in cursors):
                await more.wait()
    finally:
        for log in logs:
            log.unlisten(more)
