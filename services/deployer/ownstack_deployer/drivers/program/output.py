"""The pipe that a program prints to: read until its end, or until the program has ended and it is empty."""

from __future__ import annotations

import asyncio
import os

from ownstack_deployer.drivers.output import Takes

CHUNK = 65_536
LEFT_IN_PIPE = 1_048_576
"""At most so much is read after the program has ended: what it left running may print on for ever."""


class Pump:
    """Reads a pipe until its end; or, once the program has ended, until it is empty."""

    def __init__(self, descriptor: int, sink: Takes) -> None:
        os.set_blocking(descriptor, False)
        self._descriptor = descriptor
        self._sink = sink
        self._program_ended = False
        self._wake = asyncio.Event()

    def program_ended(self) -> None:
        """Read what is left, and no more: what the program left running may keep the pipe open."""
        self._program_ended = True
        self._wake.set()

    async def run(self) -> None:
        """Read. Closes the pipe in any case."""
        try:
            await self._read()
            await self._sink.close()
        finally:
            os.close(self._descriptor)

    async def _read(self) -> None:
        left = LEFT_IN_PIPE
        while left > 0:
            ended = self._program_ended
            try:
                data = os.read(self._descriptor, CHUNK)
            except BlockingIOError:
                if ended:
                    return
                await self._readable_or_ended()
                continue
            if not data:
                return
            left -= len(data) if ended else 0
            await self._sink.take(data)
            await asyncio.sleep(0)  # one who floods us does not keep the others from their turn

    async def _readable_or_ended(self) -> None:
        loop = asyncio.get_running_loop()
        self._wake.clear()
        loop.add_reader(self._descriptor, self._wake.set)
        try:
            await self._wake.wait()
        finally:
            loop.remove_reader(self._descriptor)
