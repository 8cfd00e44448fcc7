"""A service of its own that opens the bus, says so, and stays. Arguments: the URL of the bus."""

from __future__ import annotations

import asyncio
import sys

from ownstack_bus.connect import open_bus
from ownstack_bus.port import BusError


async def main() -> None:
    try:
        await open_bus(sys.argv[1])
    except BusError as error:
        print(error.code, error)
        return
    print("open", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
