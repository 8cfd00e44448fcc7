"""Timers: due times with an id, kept so that the earliest is at hand and a cancelled one costs nothing."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field


@dataclass(slots=True)
class Timers:
    """Times in ms since the epoch."""

    due: dict[str, int] = field(default_factory=dict)
    _heap: list[tuple[int, str]] = field(default_factory=list, compare=False)
    """Holds every setting, and perhaps settings that were replaced or cancelled."""

    def set(self, timer: str, at: int) -> None:
        """Let `timer` happen at `at`; it replaces an earlier setting."""
        self.due[timer] = at
        heapq.heappush(self._heap, (at, timer))
        self._tidy()

    def cancel(self, timer: str) -> None:
        """Forget `timer`, if it is set."""
        if self.due.pop(timer, None) is not None:
            self._tidy()

    def _tidy(self) -> None:
        if len(self._heap) > 2 * len(self.due) + 64:
            self._heap = [(at, name) for name, at in self.due.items()]
            heapq.heapify(self._heap)

    def earliest(self) -> int | None:
        """When the next timer is due."""
        while self._heap and self.due.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def until(self, now: int) -> list[str]:
        """The timers that are due at `now`, earliest first, by name where they are due together. They stay set."""
        found: dict[tuple[int, str], None] = {}
        while self._heap and self._heap[0][0] <= now:
            entry = heapq.heappop(self._heap)
            if self.due.get(entry[1]) == entry[0]:
                found[entry] = None
        for entry in found:
            heapq.heappush(self._heap, entry)
        return [name for _, name in found]
