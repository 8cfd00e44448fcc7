"""What a partition's owner keeps in memory: the logs of its teams, their leases and timers. Rebuilt from history."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from ownstack_contracts.history import Position
from ownstack_promoter.clock import Clock
from ownstack_promoter.leasing import Leasing
from ownstack_promoter.team import Team
from ownstack_promoter.teamlog import Sealed, TeamLog

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Poison:
    """What outlives the state, as it is why the state had to be dropped.

    inputs: whose facts could not be folded. teams: whose timers' facts could not.
    """

    inputs: set[Position] = field(default_factory=set)
    teams: set[str] = field(default_factory=set)


@dataclass(slots=True)
class PartitionState:
    """One partition. owns: whether a team lies in it. lease: in seconds. now: the largest append time seen, in ms."""

    owns: Callable[[str], bool]
    lease: int
    poison: Poison
    now: int = 0
    logs: dict[str, TeamLog] = field(default_factory=dict)
    leasing: Leasing = field(default_factory=Leasing)
    clock: Clock = field(default_factory=Clock)

    def log(self, team: str) -> TeamLog:
        """The log of a team: of one that was never heard of, an empty one."""
        found = self.logs.get(team)
        if found is None:
            found = self.logs[team] = TeamLog(Team(team), quarantined=team in self.poison.teams)
        return found

    def append(self, sealed: Iterable[Sealed], now: int) -> None:
        """Fold sealed facts, decided at `now`. Raises FoldFailed: then this state is not to be used any more."""
        touched: dict[int, TeamLog] = {}
        for one in sealed:
            one.log.append(one.fact, one.sequence, one.hash)
            self.leasing.follow(one.log.team, one.fact, now)
            touched[id(one.log)] = one.log
        for team in touched.values():
            if not team.quarantined:
                self.clock.follow(team.team)

    def quarantine(self, team: TeamLog) -> None:
        """Decide nothing more for this team: its state can't be trusted."""
        log.error("team %s is quarantined: its history can't be folded; nothing is decided for it", team.team.name)
        team.quarantined = True
        self.clock.forget(team.team.name)
        self.leasing.forget(team.team)
