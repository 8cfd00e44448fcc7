"""One measurement of the circle, in a process of its own: `python -m tests.bench.circle BUS STACKS REPEATS`.

BUS: `embedded`, all in this process; or `kafka`, every service a process of its own. Prints one JSON object: per repeat
the seconds from publishing `PromotionRequested` until the read model shows that it ended; and this process's memory
(MiB) after the first repeat, after the last, and at its peak.
"""

from __future__ import annotations

import asyncio
import gc
import json
import resource
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.bench.distributed import open_fleet
from tests.bench.house import House, open_house

PAGE_KIB = resource.getpagesize() / 1024


def memory_mib() -> float:
    """What this process holds now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * PAGE_KIB / 1024


async def measure(house: House, repeats: int) -> dict[str, object]:
    """Promote `repeats` times, a new image each time."""
    seconds, memory = [], []
    for _ in range(repeats):
        await house.stage()
        start = time.perf_counter()
        await house.promote()
        seconds.append(time.perf_counter() - start)
        gc.collect()
        memory.append(memory_mib())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds, "memory_first_mib": memory[0], "memory_last_mib": memory[-1], "peak_mib": peak}


@asynccontextmanager
async def opened(bus: str, folder: Path) -> AsyncIterator[House]:
    """The circle on one bus or the other, running."""
    if bus == "embedded":
        async with open_house(folder) as house:
            yield house
    else:
        async with open_fleet(folder) as (house, _):
            yield house


async def main(bus: str, stacks: int, repeats: int) -> None:
    """Set up, warm up with one promotion, measure, print."""
    with tempfile.TemporaryDirectory(prefix="ownstack-bench-") as folder:
        async with opened(bus, Path(folder)) as house:
            await house.set_up(stacks)
            await house.stage()
            await house.promote()
            print(json.dumps(await measure(house, repeats)))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
