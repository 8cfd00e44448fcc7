"""The partition's clock: which team's timers are due next, and when to say so."""

from __future__ import annotations

from ownstack_promoter.team import Team
from ownstack_promoter.timers import Timers

TICK = 1_000
"""Ticks are at least this far apart, in ms."""


class Clock:
    """Over the teams of one partition."""

    def __init__(self) -> None:
        self._teams = Timers()
        self._ticked = 0

    def follow(self, team: Team) -> None:
        """The timers of the team may have changed."""
        earliest = team.timers.earliest()
        if earliest is None:
            self._teams.cancel(team.name)
        elif self._teams.due.get(team.name) != earliest:
            self._teams.set(team.name, earliest)

    def forget(self, team: str) -> None:
        """The timers of the team happen no more."""
        self._teams.cancel(team)

    def due(self, now: int) -> list[str]:
        """The teams with timers that are due at `now`, in the order in which they are due."""
        return self._teams.until(now)

    def tick_at(self) -> int | None:
        """When to tick next, in ms since the epoch; None: no timer is set."""
        earliest = self._teams.earliest()
        return None if earliest is None else max(earliest, self._ticked + TICK)

    def ticks(self, now: int) -> bool:
        """Whether to tick at `now`; if so, it is noted."""
        at = self.tick_at()
        if at is None or at > now:
            return False
        self._ticked = now
        return True
