"""Appends to a bus in child after child, killing each with SIGKILL in the middle of it.

Arguments: the path of the file, how many children. Prints, as JSON, what was acknowledged per partition: how many
records of which child. Modules are loaded once, so that a child costs little more than its fork.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import select
import signal
import struct
import sys
import time

from tests.faults.seeds import follow

from ownstack_bus.embedded import EmbeddedBus
from ownstack_bus.port import Outgoing
from ownstack_contracts.topics import HISTORY

ACK = struct.Struct("<I")
PARTITIONS = 2


async def append(path: str, child: int, acks: int) -> None:
    """Publish without end; after each return of `publish`, tell that it was acknowledged."""
    bus = await EmbeddedBus.open(path, partitions=PARTITIONS)
    count = 0
    while True:
        size = random.choice((1, 1, 3, 40))
        records = [Outgoing(HISTORY.name, "acme", f"{child}/{count + i}".encode(), child % 2) for i in range(size)]
        await bus.publish(records)
        count += size
        os.write(acks, ACK.pack(count))


def one_life(path: str, child: int) -> int:
    """How many records the child was told to be durable before it was killed."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        try:
            asyncio.run(append(path, child, writing))
        finally:
            os._exit(1)
    os.close(writing)
    # Not before it writes at all; then at any point of its transactions.
    select.select([reading], [], [])
    pause = time.perf_counter() + random.random() * 0.004
    while time.perf_counter() < pause:
        pass
    os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status), f"child {child} ended by itself"
    heard = b""
    while part := os.read(reading, 65_536):
        heard += part
    os.close(reading)
    whole = len(heard) - len(heard) % ACK.size
    return int(ACK.unpack(heard[whole - ACK.size : whole])[0])


def main() -> None:
    follow()
    path, children = sys.argv[1], int(sys.argv[2])
    print(json.dumps([one_life(path, child) for child in range(children)]))


if __name__ == "__main__":
    main()
