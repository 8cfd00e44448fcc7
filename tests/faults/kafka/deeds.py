"""What a test did to the processes, and when: a crash is what allows some things to be done again."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

SECOND = 1_000_000_000
"""In ns."""
SLACK = 2 * SECOND
"""A program that was started before a kill may write its first line so much after it: it is slow to start."""


@dataclass(frozen=True, slots=True)
class Deed:
    """`at`: in ns of the clock that all processes share. `pid`: to which process; None: to all (a broker)."""

    at: int
    what: str
    name: str
    pid: int | None


@dataclass(slots=True)
class Deeds:
    """All that was done."""

    done: list[Deed] = field(default_factory=list)

    def note(self, what: str, name: str, pid: int | None = None) -> None:
        """It is done now."""
        self.done.append(Deed(time.monotonic_ns(), what, name, pid))

    def count(self, what: str) -> int:
        """How often that was done."""
        return sum(deed.what == what for deed in self.done)

    def struck(self, pid: int, after: int, before: int) -> bool:
        """Whether something was done to this process between two times."""
        return any(deed.pid in (None, pid) and after - SLACK <= deed.at <= before for deed in self.done)

    def last(self) -> float:
        """When the last was done, in seconds of that clock."""
        return max((deed.at for deed in self.done), default=0) / SECOND

    def __str__(self) -> str:
        return "\n".join(f"{deed.at / SECOND:.3f} {deed.what} {deed.name} ({deed.pid})" for deed in self.done)
