"""One service as a process of its own: `python -m tests.faults.kafka.serving promoter|deployer|projections`."""

from __future__ import annotations

import asyncio
import logging
import os
import sys

from ownstack_bus.connect import open_bus


async def promoter() -> None:
    from ownstack_promoter.main import Promoter, Settings  # noqa: PLC0415 - each service alone

    await Promoter(await open_bus(os.environ["OWNSTACK_BUS"]), Settings()).run()


async def deployer() -> None:
    from ownstack_deployer.main import Deployer  # noqa: PLC0415 - each service alone
    from ownstack_deployer.settings import Settings  # noqa: PLC0415 - as above

    await Deployer(await open_bus(os.environ["OWNSTACK_BUS"]), Settings()).run()


async def projections() -> None:
    from ownstack_projections.main import Projections  # noqa: PLC0415 - each service alone
    from ownstack_readmodel import open_readmodel  # noqa: PLC0415 - as above

    bus = await open_bus(os.environ["OWNSTACK_BUS"])
    await Projections(bus, await asyncio.to_thread(open_readmodel, os.environ["OWNSTACK_DATABASE"])).run()


SERVICES = {"promoter": promoter, "deployer": deployer, "projections": projections}

if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    asyncio.run(SERVICES[sys.argv[1]]())
