"""A service of its own whose files may not be written for a while: an actor acknowledges then.

Arguments: the path of the bus. Prints what the actor was told, time after time, as JSON.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys

from ownstack_bus.embedded import EmbeddedBus
from ownstack_bus.port import BusError, Inbox, Outgoing
from ownstack_contracts.topics import DEPLOYS

FAILURES = 2


def may_write(size: int) -> None:
    """Files may grow to `size` bytes, and not be written beyond."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


async def main() -> None:
    bus = await EmbeddedBus.open(sys.argv[1])
    await bus.publish([Outgoing(DEPLOYS.name, "acme/shop@eu-1", b"work")])
    told: list[str] = []
    done = asyncio.Event()

    async def actor(inbox: Inbox) -> None:
        record = await inbox.get()
        assert record
        may_write(1 if len(told) < FAILURES else resource.RLIM_INFINITY)
        try:
            await inbox.done(record)
        except BusError as error:
            told.append(error.code)
            raise
        told.append("done")
        done.set()

    working = asyncio.ensure_future(bus.work(DEPLOYS.name, "deployers", actor))
    await done.wait()
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    await bus.close()
    print(json.dumps(told))


if __name__ == "__main__":
    asyncio.run(main())
