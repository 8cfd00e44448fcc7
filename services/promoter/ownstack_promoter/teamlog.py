"""A team's log: its state, its place in the hash chain, and which commands it has answered."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from ownstack_contracts.history import GENESIS, Origin, Position, seal
from ownstack_contracts.message import Message
from ownstack_contracts.topics import COMMANDS
from ownstack_promoter.domain import Team, evolve

REMEMBERED = 14 * 24 * 3_600_000
"""How long the id of a command is remembered, in ms: as long as `commands` is kept."""


class FoldFailed(Exception):
    """A fact could not be folded: the state of its team is not to be trusted any more."""

    def __init__(self, team: str) -> None:
        super().__init__(f"a fact of team {team} could not be folded")
        self.team = team


@dataclass(slots=True)
class TeamLog:
    """One team, as its history tells it."""

    team: Team
    sequence: int = 0
    hash: str = GENESIS
    answered: dict[str, int] = field(default_factory=dict)
    """Ids of commands that were admitted or rejected, with when (ms), oldest first."""
    quarantined: bool = False

    def has_answered(self, command: str, now: int) -> bool:
        """Whether the command was answered in the last 14 days."""
        at = self.answered.get(command)
        return at is not None and now - at <= REMEMBERED

    def append(self, fact: Message, sequence: int, digest: str) -> None:
        """Fold a sealed fact. Raises FoldFailed."""
        self.sequence, self.hash = sequence, digest
        if self.quarantined:
            return
        try:
            evolve(self.team, fact)
        except Exception as error:
            raise FoldFailed(self.team.name) from error

    def remember(self, position: Position, command: str | None, now: int) -> None:
        """The input at `position` was answered at `now` (ms): if it is a command, its id is not answered again."""
        if position.topic != COMMANDS.name or command is None:
            return
        self.answered.setdefault(command, now)
        while self.answered:
            oldest, at = next(iter(self.answered.items()))
            if now - at <= REMEMBERED:
                return
            del self.answered[oldest]


class Decided(NamedTuple):
    """A fact that a decision came to, and whose it is."""

    log: TeamLog
    fact: Message


class Sealed(NamedTuple):
    """A fact as it is to be written."""

    log: TeamLog
    fact: Message
    sequence: int
    hash: str
    value: bytes


def seal_all(decision: Iterable[Decided], origin: Origin, first: int, steps: int) -> list[Sealed]:
    """Write facts `first…` of a decision of `steps`. The logs stay as they are until the facts are appended."""
    heads: dict[int, tuple[int, str]] = {}
    sealed = []
    for step, (log, fact) in enumerate(decision, first):
        sequence, previous = heads.get(id(log)) or (log.sequence, log.hash)
        value, digest = seal(
            fact,
            origin,
            team=log.team.name,
            sequence=sequence + 1,
            previous_hash=previous,
            step=step,
            steps=steps,
        )
        heads[id(log)] = (sequence + 1, digest)
        sealed.append(Sealed(log, fact, sequence + 1, digest, value))
    return sealed
