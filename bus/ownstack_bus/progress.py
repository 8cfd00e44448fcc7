"""How far a consumer is in a log: a position, and what is done out of order above it."""

from __future__ import annotations

from collections.abc import Iterable

_TODO, _DONE = b"01"
_ALL_DONE = b"1"


class Progress:
    """All before `position` is done; so are single records above it."""

    __slots__ = ("_marks", "position")

    def __init__(self, position: int, done: bytes) -> None:
        """position: the offset of the first record that is not done. done: as `encoded` gives it."""
        self.position = position
        bits = int.from_bytes(done, "big")
        # One byte per record while it is worked on: setting one is O(1) and the next gap is found by `find`.
        self._marks = bytearray(f"{bits:b}".encode()[1:]) if bits else bytearray()
        self._advance()

    @classmethod
    def of_left(cls, position: int, length: int, left: Iterable[int]) -> Progress:
        """As `left` gave it."""
        progress = cls(position, b"")
        progress._marks = bytearray(_ALL_DONE * length)
        for at in left:
            progress._marks[at] = _TODO
        progress._advance()
        return progress

    def __contains__(self, offset: int) -> bool:
        """Whether the record at `offset` is done."""
        at = offset - self.position
        return at < 0 or (at < len(self._marks) and self._marks[at] == _DONE)

    def add(self, offset: int) -> bool:
        """The record at `offset` is done. Whether that is new."""
        at = offset - self.position
        if at < 0:
            return False
        missing = at + 1 - len(self._marks)
        if missing > 0:
            self._marks += b"0" * missing
        elif self._marks[at] == _DONE:
            return False
        self._marks[at] = _DONE
        if at == 0:
            self._advance()
        return True

    def fill(self, start: int, end: int) -> None:
        """There is no record from `start` up to, not including, `end`: that counts as done."""
        start = max(start, self.position)
        if end <= start:
            return
        at = start - self.position
        self._marks += b"0" * (at - len(self._marks))
        self._marks[at : end - self.position] = _ALL_DONE * (end - start)
        self._advance()

    def skip(self, start: int) -> None:
        """All before `start` is done, or deleted."""
        if start > self.position:
            del self._marks[: start - self.position]
            self.position = start
            self._advance()

    def encoded(self) -> bytes:
        """What is done above `position`, to be kept: a bit per record after a leading 1; empty when nothing is."""
        if not self._marks:
            return b""
        return int(b"1" + self._marks, 2).to_bytes(len(self._marks) // 8 + 1, "big")

    def left(self) -> tuple[int, list[int]]:
        """The same otherwise: how many offsets from `position` on, and which of them, counted from `position`, are not
        done; all after them are not done either."""
        left = []
        at = self._marks.find(_TODO)
        while at >= 0:
            left.append(at)
            at = self._marks.find(_TODO, at + 1)
        return len(self._marks), left

    def _advance(self) -> None:
        gap = self._marks.find(_TODO)
        done = len(self._marks) if gap < 0 else gap
        if done:
            del self._marks[:done]
            self.position += done
