"""How far a consumer is in a log: a position, and what is done out of order above it."""

from __future__ import annotations

_TODO, _DONE = b"01"


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

    def _advance(self) -> None:
        gap = self._marks.find(_TODO)
        done = len(self._marks) if gap < 0 else gap
        if done:
            del self._marks[:done]
            self.position += done
