"""A service of its own, to be killed: actors that acknowledge in another order than the records came.

Arguments: the URL of the bus, and after how many acknowledgements it is killed. Prints `ends KEY` before a record is
acknowledged, and `done KEY` after.
"""

from __future__ import annotations

import asyncio
import random
import sys

from tests.faults.bus.doom import Doom
from tests.faults.seeds import follow

from ownstack_bus.connect import open_bus
from ownstack_bus.port import Inbox
from ownstack_contracts.topics import DEPLOYS


async def main() -> None:
    follow()
    doom = Doom(int(sys.argv[2]))

    async def actor(inbox: Inbox) -> None:
        record = await inbox.get()
        assert record
        await asyncio.sleep(random.random() * 0.5)  # the work: it ends in any order
        print("ends", inbox.key, flush=True)
        await inbox.done(record)
        print("done", inbox.key, flush=True)
        doom.count(1)

    bus = await open_bus(sys.argv[1])
    await bus.work(DEPLOYS.name, "deployers", actor)


if __name__ == "__main__":
    asyncio.run(main())
