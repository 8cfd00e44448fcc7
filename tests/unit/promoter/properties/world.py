"""One team as the promoter keeps it, beside a second that is folded from the written bytes alone."""

from __future__ import annotations

from collections.abc import Callable

from tests.unit.promoter.properties.consistency import check, check_after_folding, check_before_folding
from tests.unit.promoter.properties.ledger import Ledger

from ownstack_contracts.envelope import Event, decode, encode
from ownstack_contracts.history import Origin, Position, is_intact
from ownstack_contracts.leases import ClockTicked
from ownstack_contracts.message import Command, Message
from ownstack_contracts.reviews import ReviewAppOpened
from ownstack_contracts.topics import COMMANDS, HISTORY, REPORTS
from ownstack_promoter.domain import Moment, Refused, Team, decide, expire
from ownstack_promoter.teamlog import Decided, Sealed, TeamLog, seal_all

NAME = "acme"
START = 1_700_000_000_000
Rule = Callable[[Team, Moment], list[Message]]


class World:
    """Says inputs to a team; everything that must hold of an answer is looked at on the way."""

    def __init__(self) -> None:
        self.now = START
        self.log = TeamLog(Team(NAME))
        self.rebuilt = TeamLog(Team(NAME))
        self.ledger = Ledger()
        self.history: list[bytes] = []
        self.said: list[tuple[str, Command]] = []
        self._offset = 0

    @property
    def team(self) -> Team:
        """Its present state."""
        return self.log.team

    @property
    def next_name(self) -> str:
        """The id of the next command, unless it is given one."""
        return f"c{len(self.said)}"

    def command(self, command: Command, name: str | None = None) -> list[Message] | Refused:
        """A command comes to a team: it is admitted, refused, or was answered before."""
        name = name or self.next_name
        event = decode(COMMANDS.name, encode(command, source="/test", team=NAME, id=name, actor="token:ann"))
        if self.log.has_answered(name, self.now):
            return []
        self.said.append((name, command))
        facts = self._input(COMMANDS.name, event, lambda team, moment: decide(team, event.message, moment))
        if isinstance(facts, Refused):
            assert facts.code
            assert str(facts)
            self.log.remember(self._position(COMMANDS.name), name, self.now)
        else:
            assert facts[0] == _as_admitted(command), "an admitted command is the first fact of its decision"
        return facts

    def report(self, report: Message) -> list[Message]:
        """A deployer, or the owner of the partition, tells something: it may come to nothing, but is never refused."""
        event = decode(REPORTS.name, encode(report, source="/test", team=NAME, id=f"i{self._offset}"))
        facts = self._input(REPORTS.name, event, lambda team, moment: decide(team, event.message, moment))
        assert not isinstance(facts, Refused), f"{report} was refused: {facts}"
        return facts

    def tick(self) -> list[Message]:
        """The clock ticks: what is due happens, or is due no more, or it would tick for ever."""
        due = self._due()
        event = decode(REPORTS.name, encode(ClockTicked(), source="/test", team=None, id=f"i{self._offset}"))
        facts = self._input(REPORTS.name, event, expire)
        assert not isinstance(facts, Refused)
        assert bool(facts) == bool(due), f"{due} came to {facts}"
        left = [timer for timer in self._due() if not timer.startswith("close:")]  # what rests now goes with the next
        assert not left, f"{left} are due and did not happen"
        return facts

    def _due(self) -> list[str]:
        return [timer for timer, at in self.team.timers.due.items() if at <= self.now]

    def _input(self, topic: str, event: Event, rule: Rule) -> list[Message] | Refused:
        self._offset += 1
        envelope = event.envelope
        moment = Moment(self.now, envelope.id, envelope.actor or envelope.source)
        origin = Origin(self._position(topic), self.now, envelope.actor, envelope.id, envelope.id)
        facts, refused = _decided(self.log.team, moment, rule)
        again, refused_again = _decided(self.rebuilt.team, moment, rule)
        assert self.log.team == self.rebuilt.team, "deciding has changed the team"
        if refused is not None:
            assert refused_again is not None
            assert refused.args == refused_again.args
            return refused
        sealed = seal_all([Decided(self.log, fact) for fact in facts], origin, 0, len(facts))
        values = [one.value for one in sealed]
        assert values == [
            one.value for one in seal_all([Decided(self.rebuilt, fact) for fact in again], origin, 0, len(again))
        ], "deciding again says something else"
        for one in sealed:
            self._fold(one)
        self.ledger.check_decision()
        self.log.remember(origin.position, origin.causationid, origin.now)
        for value in values:
            fold_written(self.rebuilt, value)
        assert self.log.team == self.rebuilt.team, "folding what was written comes to another state"
        self.history.extend(values)
        check(self.log.team)
        return facts

    def _fold(self, one: Sealed) -> None:
        self.ledger.tell(one.fact)
        check_before_folding(self.log.team, one.fact)
        self.log.append(one.fact, one.sequence, one.hash)
        check_after_folding(self.log.team, one.fact)

    def _position(self, topic: str) -> Position:
        return Position(topic, 0, self._offset)

    def check_history(self) -> None:
        """From its beginning, the history is one unbroken chain, and comes to the present state."""
        fresh = TeamLog(Team(NAME))
        for value in self.history:
            assert is_intact(value)
            envelope = decode(HISTORY.name, value).envelope
            assert (envelope.sequence, envelope.previoushash) == (fresh.sequence + 1, fresh.hash)
            fold_written(fresh, value)
        assert fresh.team == self.log.team
        assert (fresh.sequence, fresh.hash) == (self.log.sequence, self.log.hash)


def fold_written(log: TeamLog, value: bytes) -> None:
    """Fold a record of the history, as a restore does."""
    event = decode(HISTORY.name, value)
    assert event.envelope.sequence is not None
    assert event.envelope.hash is not None
    log.append(event.message, event.envelope.sequence, event.envelope.hash)


def _decided(team: Team, moment: Moment, rule: Rule) -> tuple[list[Message], Refused | None]:
    try:
        return rule(team, moment), None
    except Refused as refused:
        return [], refused


def _as_admitted(command: Command) -> Command:
    """The values for a review app stand in its clone alone."""
    return command.model_copy(update={"values": {}}) if isinstance(command, ReviewAppOpened) else command
