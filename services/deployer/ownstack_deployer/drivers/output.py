"""What a program prints: bytes of any kind, made into lines of text."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence
from typing import Protocol

from ownstack_deployer.drivers.port import Log
from ownstack_deployer.joblog import MOST_LINE

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


class Cutter:
    """Cuts bytes into lines."""

    def __init__(self) -> None:
        self._part = bytearray()

    def cut(self, data: bytes) -> list[str]:
        """The lines that end in these bytes.

        A line is cut at 4,000 characters: what follows of it is dropped, so that memory stays bounded.
        """
        *whole, rest = data.split(b"\n")
        lines = []
        for part in whole:
            self._append(part)
            lines.append(self._line())
        self._append(rest)
        return lines

    def rest(self) -> list[str]:
        """A last line without an end is a line, too."""
        return [self._line()] if self._part else []

    def _append(self, part: bytes) -> None:
        self._part += part[: max(0, MOST_LINE * 4 - len(self._part))]  # a character has at most 4 bytes

    def _line(self) -> str:
        text = self._part.decode("utf-8", "replace")
        self._part.clear()
        text = text.rstrip("\r").rpartition("\r")[2]  # what a terminal would show of a progress bar
        return printable(text)[:MOST_LINE]


class LastLines:
    """The last lines that say something."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=LAST_LINES)

    def add(self, lines: Sequence[str]) -> None:
        """Remember these."""
        self._lines.extend(line for line in lines if line.strip())

    def __str__(self) -> str:
        """How a message goes on that says what has ended."""
        return ". It said last:\n" + "\n".join(self._lines) if self._lines else " and said nothing."


class Lines:
    """Cuts bytes into lines for a log, and remembers the last ones."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._cutter = Cutter()
        self.last = LastLines()

    async def take(self, data: bytes) -> None:
        """See Takes."""
        await self._write(self._cutter.cut(data))

    async def close(self) -> None:
        """See Takes."""
        await self._write(self._cutter.rest())

    async def _write(self, lines: list[str]) -> None:
        if lines:
            self.last.add(lines)
            await self._log.write(lines)


class Captured:
    """Keeps what is printed, up to a bound of bytes."""

    def __init__(self, most: int = MOST_CAPTURED) -> None:
        self.value = bytearray()
        self.too_long = False
        self._most = most

    async def take(self, data: bytes) -> None:
        """Keep these."""
        self.value += data
        if len(self.value) > self._most:
            self.too_long = True
            del self.value[self._most :]

    async def close(self) -> None:
        """Nothing is left to do."""
