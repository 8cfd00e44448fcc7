"""What a program prints: bytes of any kind, made into lines of text."""

from __future__ import annotations

import asyncio
import os
import re
from collections import deque
from typing import Protocol

from ownstack_deployer.drivers.port import Log
from ownstack_deployer.joblog import MOST_LINE

CHUNK = 65_536
LEFT_IN_PIPE = 1_048_576
"""At most so much is read after the program has ended: what it left running may print on for ever."""
LAST_LINES = 8
MOST_CAPTURED = 65_536

_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f-\x9f\u2028\u2029]")
"""Also what ends a line or begins a control sequence in the eyes of some readers, though it is no \\n and no ESC."""


def printable(text: str) -> str:
    """The text without what it could do to a terminal, or to a reader of lines; ESC stays: it colours."""
    return _UNPRINTABLE.sub("\ufffd", text)


class Takes(Protocol):
    """Where the bytes of a pipe go."""

    async def take(self, data: bytes) -> None:
        """Some more bytes."""

    async def close(self) -> None:
        """There are no more."""


class Lines:
    """Cuts bytes into lines for a log, and remembers the last ones."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._part = bytearray()
        self.last: deque[str] = deque(maxlen=LAST_LINES)

    async def take(self, data: bytes) -> None:
        """A line is cut at 4,000 characters: what follows of it is dropped, so that memory stays bounded."""
        *whole, rest = data.split(b"\n")
        lines = []
        for part in whole:
            self._append(part)
            lines.append(self._line())
        self._append(rest)
        await self._write(lines)

    def _append(self, part: bytes) -> None:
        self._part += part[: max(0, MOST_LINE * 4 - len(self._part))]  # a character has at most 4 bytes

    def _line(self) -> str:
        text = self._part.decode("utf-8", "replace")
        self._part.clear()
        text = text.rstrip("\r").rpartition("\r")[2]  # what a terminal would show of a progress bar
        return printable(text)[:MOST_LINE]

    async def _write(self, lines: list[str]) -> None:
        if lines:
            self.last.extend(line for line in lines if line.strip())
            await self._log.write(lines)

    async def close(self) -> None:
        """A last line without an end is a line, too."""
        if self._part:
            await self._write([self._line()])


class Captured:
    """Keeps what is printed, up to a bound."""

    def __init__(self) -> None:
        self.value = bytearray()
        self.too_long = False

    async def take(self, data: bytes) -> None:
        """Keep these."""
        self.value += data
        if len(self.value) > MOST_CAPTURED:
            self.too_long = True
            del self.value[MOST_CAPTURED:]

    async def close(self) -> None:
        """Nothing is left to do."""


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
