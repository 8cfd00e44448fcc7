"""A service of its own whose files may not grow: publishes until that is refused, then may write again.

Arguments: the path of the bus, and the limit in bytes. Prints the code of the error, how many records were acknowledged
before it and after it, and how many are there, as JSON.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys

from ownstack_bus.embedded import EmbeddedBus
from ownstack_bus.port import BusError, Outgoing
from ownstack_contracts.topics import HISTORY

RECORDS = [Outgoing(HISTORY.name, "acme", b"x" * 1_000, partition=0)] * 10


async def main() -> None:
    bus = await EmbeddedBus.open(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
    acknowledged = 0
    while True:
        try:
            await bus.publish(RECORDS)
        except BusError as error:
            code = error.code
            break
        acknowledged += len(RECORDS)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    await bus.publish(RECORDS)
    there = len([record async for record in bus.read(HISTORY.name, 0)])
    await bus.close()
    print(json.dumps({"code": code, "acknowledged": acknowledged + len(RECORDS), "there": there}))


if __name__ == "__main__":
    asyncio.run(main())
