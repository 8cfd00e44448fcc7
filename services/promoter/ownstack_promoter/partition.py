"""The owner of one partition: reads inputs, decides, and writes facts, requests, answers and dead letters."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

from ownstack_bus.dead_letters import letter_for
from ownstack_bus.port import Bus, Outgoing, Record, Restored
from ownstack_contracts.catalog import DEPLOY_TYPES, deploys_key
from ownstack_contracts.envelope import Event, Unreadable, decode, encode
from ownstack_contracts.history import SOURCE, Origin
from ownstack_contracts.leases import ClockTicked
from ownstack_contracts.message import Report
from ownstack_contracts.rejections import CommandRejected
from ownstack_contracts.topics import COMMANDS, DEPLOYS, HISTORY, REPORTS
from ownstack_contracts.tracing import NOTHING, WORK, Work
from ownstack_promoter.deciding import Answer, DeadLetter, answer, answer_unreadable
from ownstack_promoter.leasing import AtStart
from ownstack_promoter.restoring import restore
from ownstack_promoter.state import PartitionState, Poison
from ownstack_promoter.tally import Tally
from ownstack_promoter.teamlog import FoldFailed, Sealed, seal_all

log = logging.getLogger(__name__)

HEADERS_CARRIED = 256 * 1024
"""A record with larger headers (bytes) than these is not forwarded."""


@dataclass(slots=True)
class Memory:
    """What outlives one owner of the partition, when it is dropped and built anew in the same process."""

    poison: Poison = field(default_factory=Poison)
    restored: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once the partition was restored for the first time."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What all owners have in common. lease: in seconds; clock: ms since the epoch."""

    lease: int
    at_start: AtStart
    clock: Callable[[], int]
    tally: Tally = field(default_factory=Tally)


class PartitionOwner:
    """A `Processor` (see the port). owns: whether a team lies in this partition."""

    def __init__(self, bus: Bus, partition: int, owns: Callable[[str], bool], terms: Terms, memory: Memory) -> None:
        self._bus = bus
        self._partition = partition
        self._terms = terms
        self._memory = memory
        self._state = PartitionState(owns, terms.lease, memory.poison)

    @property
    def state(self) -> PartitionState:
        """What it knows."""
        return self._state

    async def restore(self, tail: AsyncIterator[Record]) -> Restored:
        """Rebuild the state from the history, and mend a decision that was cut."""
        restored = await restore(self._state, tail, self._bus)
        missing = [out for sealed in restored.missing for out in self._written(sealed)]
        again = self._sent_again(restored.unanswered)
        lapsed = self._begin_leases()
        self._memory.restored.set()
        return Restored([*missing, *again, *lapsed], restored.positions)

    def _begin_leases(self) -> list[Outgoing]:
        """Leases found at the start of the process may have lapsed: that is said before anyone can claim."""
        terms, now = self._terms, max(self._state.now, self._terms.clock())
        lapsed = terms.at_start == "lapsed" and not self._memory.restored.is_set()
        until = 0 if lapsed else now + terms.lease * 1_000
        for team in self._state.logs.values():
            if not team.quarantined:
                self._state.leasing.begin_all(team.team, terms.lease, until)
        return self._lapsed(now)

    def _sent_again(self, unanswered: Sequence[tuple[str, bytes]]) -> list[Outgoing]:
        return [Outgoing(DEPLOYS.name, key, value) for key, value in unanswered]

    def handle(self, batch: Sequence[Record]) -> Sequence[Sequence[Outgoing]]:
        """Decide over inputs, one after another."""
        try:
            return [self._handle(record) for record in batch]
        finally:
            WORK.set(NOTHING)

    def _handle(self, record: Record) -> Sequence[Outgoing]:
        state = self._state
        state.now = max(state.now, record.timestamp)
        try:
            event = _read(record)
        except Unreadable as why:
            WORK.set(Work(why.team, why.id, why.id))
            if why.team is not None and self._can_be_answered_elsewhere(record, why):
                return self._forwarded(record, why.team)
            return self._take(record, None, answer_unreadable(state, record, why, state.now))
        team, envelope = event.envelope.team, event.envelope
        WORK.set(Work(team, envelope.correlationid or envelope.id, envelope.id))
        if team is not None and not state.owns(team):
            return self._forwarded(record, team)
        return self._take(record, event, answer(state, record, event, state.now))

    def _forwarded(self, record: Record, team: str) -> list[Outgoing]:
        if not _can_be_carried(record):
            why = DeadLetter("too-large", f"Its headers have more than {HEADERS_CARRIED} bytes; it is not forwarded.")
            return self._take(record, None, Answer(dead_letter=why))
        self._terms.tally.forwarded += 1
        return [Outgoing(record.topic, team, record.value, headers=record.headers)]

    def _can_be_answered_elsewhere(self, record: Record, why: Unreadable) -> bool:
        """Only the owner of its team can reject it. What is too large stays: it may not fit into a record again."""
        rejectable = record.topic == COMMANDS.name and why.id is not None and why.code != "too-large"
        return rejectable and why.team is not None and not self._state.owns(why.team)

    def _take(self, record: Record, event: Event | None, answer: Answer) -> list[Outgoing]:
        outgoing: list[Outgoing] = []
        if answer.facts:
            assert answer.origin is not None
            sealed = seal_all(answer.facts, answer.origin, 0, len(answer.facts))
            self._append(answer.origin, event, sealed)
            for one in sealed:
                outgoing.extend(self._written(one))
        if event is not None and answer.trusted is not None and isinstance(event.message, Report):
            self._state.leasing.hear(answer.trusted.team, event.message, self._state.now)
        if answer.dead_letter is not None:
            outgoing.append(letter_for(record, answer.dead_letter.code, answer.dead_letter.reason))
        kind = event.message.type_name() if event is not None else "unreadable"
        self._terms.tally.note(kind, answer)
        _say(kind, answer)
        return outgoing

    def _append(self, origin: Origin, event: Event | None, sealed: Sequence[Sealed]) -> None:
        state = self._state
        try:
            state.append(sealed, state.now)
        except FoldFailed as failed:
            log.exception("a fact decided on %s could not be folded; the partition is restored", origin.position)
            if event is not None and isinstance(event.message, ClockTicked):
                state.poison.teams.add(failed.team)
            else:
                state.poison.inputs.add(origin.position)
            raise
        for one in sealed:
            one.log.remember(origin.position, origin.causationid, origin.now)

    def _written(self, sealed: Sealed) -> list[Outgoing]:
        team, fact = sealed.log.team.name, sealed.fact
        written = [Outgoing(HISTORY.name, team, sealed.value, self._partition)]
        if fact.type_name() in DEPLOY_TYPES:
            written.append(Outgoing(DEPLOYS.name, deploys_key(team, fact), sealed.value))  # type: ignore[arg-type]
        return written

    def wake_at(self) -> int | None:
        """When the next timer is due or the next lease may lapse."""
        times = [at for at in (self._state.clock.tick_at(), self._state.leasing.earliest()) if at is not None]
        return min(times, default=None)

    def wake(self, now: int) -> Sequence[Outgoing]:
        """Say that time has passed, and whose leases have lapsed."""
        said: list[Outgoing] = []
        if self._state.clock.ticks(now):
            value = encode(ClockTicked(), source=SOURCE, team=None)
            said.append(Outgoing(REPORTS.name, "", value, self._partition))
        return said + self._lapsed(now)

    def _lapsed(self, now: int) -> list[Outgoing]:
        said = [
            Outgoing(REPORTS.name, team, encode(report, source=SOURCE, team=team), self._partition)
            for team, report in self._state.leasing.lapsed(now)
        ]
        self._terms.tally.lapsed += len(said)
        return said


def _read(record: Record) -> Event:
    event = decode(record.topic, record.value)
    if event.envelope.team is None and not isinstance(event.message, ClockTicked):
        raise Unreadable("no-team", f"{event.envelope.type} says in `team` whose it is.")
    return event


def _say(kind: str, answer: Answer) -> None:
    """What an input came to, in the log: by types and codes alone, since values may be secrets."""
    if answer.dead_letter is not None:
        log.info("%s is a dead letter: %s", kind, answer.dead_letter.code)
    for _, fact in answer.facts[:1]:
        if isinstance(fact, CommandRejected):
            log.info("%s is rejected: %s", kind, fact.code)
        else:
            log.debug("%s is decided: %d facts, %s first", kind, len(answer.facts), fact.type_name())


def _can_be_carried(record: Record) -> bool:
    """Whether it fits into a record again with all its headers. Each has two lengths beside what it says."""
    return sum(8 + len(name.encode()) + len(value) for name, value in record.headers) <= HEADERS_CARRIED
