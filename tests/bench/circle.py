"""One measurement of the circle, in a process of its own: `python -m tests.bench.circle STACKS REPEATS`.

Prints one JSON object: per repeat the seconds from publishing `PromotionRequested` until the read model shows that it
ended; and the memory (MiB) after the first repeat, after the last, and at its peak.
"""

from __future__ import annotations

import asyncio
import gc
import json
import resource
import sys
import tempfile
import time
from pathlib import Path

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


async def main(stacks: int, repeats: int) -> None:
    """Set up, warm up with one promotion, measure, print."""
    with tempfile.TemporaryDirectory(prefix="ownstack-bench-") as folder:
        async with open_house(Path(folder)) as house:
            await house.set_up(stacks)
            await house.stage()
            await house.promote()
            print(json.dumps(await measure(house, repeats)))


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2])))
