"""One of several processes that project: `member.py SERVERS PREFIX DATABASE`. Runs until it is ended."""

from __future__ import annotations

import asyncio
import logging
import sys

from ownstack_bus.kafka import KafkaBus, KafkaSettings
from ownstack_projections.main import Projections
from ownstack_readmodel import open_readmodel

SESSION_S = 6.0
"""After so long without a sign the others take its partitions."""


async def main(servers: str, prefix: str, database: str) -> None:
    """Project until ended."""
    bus = await KafkaBus.open(servers, KafkaSettings(prefix=prefix, session_timeout=SESSION_S))
    readmodel = await asyncio.to_thread(open_readmodel, database)
    print("projecting", flush=True)
    await Projections(bus, readmodel).run()


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(process)d %(name)s %(message)s")
    asyncio.run(main(*sys.argv[1:]))
