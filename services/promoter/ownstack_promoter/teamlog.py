"""A team's log: its state, its place in the hash chain, and which commands it has answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ownstack_contracts.envelope import Event, milliseconds
from ownstack_contracts.history import GENESIS, Origin, Position, seal
from ownstack_contracts.message import Message
from ownstack_contracts.topics import COMMANDS
from ownstack_promoter.domain import Team, evolve

REMEMBERED = 14 * 24 * 3_600_000
"""How long the id of a command is remembered, in ms: as long as `commands` is kept."""


class FoldFailed(Exception):  # noqa: N818 - says what happened, not whose error
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

    def append(self, facts: Sequence[Message], origin: Origin, first: int, steps: int) -> list[bytes]:
        """Seal facts `first…` of a decision of `steps`, fold them, and give their records. Raises FoldFailed."""
        records = []
        for step, fact in enumerate(facts, first):
            value, self.hash = seal(
                fact,
                origin,
                team=self.team.name,
                sequence=self.sequence + 1,
                previous_hash=self.hash,
                step=step,
                steps=steps,
            )
            self.sequence += 1
            records.append(value)
            self._fold(fact)
        self._remember(origin.position, origin.causationid, origin.now)
        return records

    def replay(self, event: Event) -> None:
        """Fold a fact that stands in the history already. Raises FoldFailed."""
        envelope = event.envelope
        assert envelope.sequence is not None
        assert envelope.hash is not None
        self.sequence, self.hash = envelope.sequence, envelope.hash
        if not self.quarantined:
            self._fold(event.message)
        if envelope.input is not None and envelope.time is not None:
            self._remember(Position.parse(envelope.input), envelope.causationid, milliseconds(envelope.time))

    def _fold(self, fact: Message) -> None:
        try:
            evolve(self.team, fact)
        except Exception as error:
            raise FoldFailed(self.team.name) from error

    def _remember(self, position: Position, command: str | None, now: int) -> None:
        if position.topic != COMMANDS.name or command is None:
            return
        self.answered.setdefault(command, now)
        while self.answered:
            oldest, at = next(iter(self.answered.items()))
            if now - at <= REMEMBERED:
                return
            del self.answered[oldest]
