"""What a program prints: bytes of any kind, made into lines of text."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Protocol

from ownstack_deployer.drivers.port import Log
from ownstack_deployer.joblog import MOST_LINE
from ownstack_deployer.masking import NO_MASK, Mask
from ownstack_deployer.printing import printable

LAST_LINES = 8
MOST_CAPTURED = 65_536


class Takes(Protocol):
    """Where the bytes of a pipe go."""

    async def take(self, data: bytes) -> None:
        """Some more bytes."""

    async def close(self) -> None:
        """There are no more."""


class Cutter:
    """Cuts bytes into lines. What it cuts off a line that is too long is not in the midst of what `mask` hides."""

    def __init__(self, mask: Mask = NO_MASK) -> None:
        self._part = bytearray()
        self._mask = mask
        self._most = 4 * (MOST_LINE + mask.longest)  # bytes: a character has at most 4

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
        self._part += part[: max(0, self._most - len(self._part))]

    def _line(self) -> str:
        text, whole = self._part.decode("utf-8", "replace"), len(self._part) < self._most
        self._part.clear()
        text = printable(text.rstrip("\r").rpartition("\r")[2])  # what a terminal would show of a progress bar
        return text if whole and len(text) <= MOST_LINE else self._mask.cut(text, MOST_LINE, whole=whole)


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

    def __init__(self, log: Log, mask: Mask = NO_MASK) -> None:
        """mask: what the log hides."""
        self._log = log
        self._cutter = Cutter(mask)
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
