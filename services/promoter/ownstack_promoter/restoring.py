"""Restoring a partition from its history: folds whole decisions, and mends the last one if it was cut.

A decision is cut when the broker lost a part of a transaction. Its input is decided again, with the `now` it was
decided with. If that gives what was written, what is missing is written; else `DecisionCut` is, and what the decision
had opened fails.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from ownstack_bus.port import At, Bus, BusError, Record
from ownstack_contracts.catalog import deploys_key
from ownstack_contracts.envelope import Event, Unreadable, decode, milliseconds
from ownstack_contracts.history import Origin, Position
from ownstack_contracts.images import ImageJob
from ownstack_contracts.jobs import StackCheckRequested, StackJob
from ownstack_contracts.leases import JobGranted
from ownstack_contracts.message import Message
from ownstack_contracts.rejections import DecisionCut
from ownstack_contracts.topics import HISTORY
from ownstack_promoter.cuts import Before, after_cut
from ownstack_promoter.deciding import Answer, answer, answer_unreadable
from ownstack_promoter.domain import Moment, Team
from ownstack_promoter.state import PartitionState
from ownstack_promoter.teamlog import Decided, FoldFailed, Sealed, seal_all

log = logging.getLogger(__name__)


class HistoryDamaged(BusError):
    """The history can't be folded without guessing: a fact is missing, or is not what was written."""

    def __init__(self, message: str) -> None:
        super().__init__("history-damaged", f"{message} Nothing is decided until the history is repaired.")


@dataclass(slots=True)
class Known:
    """What a restore has found. unanswered: the keys and records of requests and grants without an answer."""

    positions: dict[str, int] = field(default_factory=dict)
    missing: list[Sealed] = field(default_factory=list)
    unanswered: list[tuple[str, bytes]] = field(default_factory=list)
    skipped: int = 0


@dataclass(slots=True)
class _Fact:
    """A fact that was read."""

    record: Record
    event: Event
    position: Position
    now: int
    step: int
    steps: int


async def restore(state: PartitionState, tail: AsyncIterator[Record], bus: Bus) -> Known:
    """Fold the history into an empty `state`. Raises HistoryDamaged."""
    replay = _Replay(state)
    async for record in tail:
        replay.take(record)
    if replay.cut:
        replay.known.missing = await _mend(state, replay, bus)
    replay.known.unanswered = replay.open_requests()
    if replay.known.skipped:
        log.warning("%d facts stood twice in the history and were skipped", replay.known.skipped)
    return replay.known


class _Replay:
    """Folds facts, a whole decision at a time."""

    def __init__(self, state: PartitionState) -> None:
        self.state = state
        self.known = Known()
        self.cut: list[_Fact] = []
        self._heads: dict[str, tuple[int, str]] = {}
        self._requests: dict[tuple[str, str], bytes] = {}
        self._grants: dict[tuple[str, str], bytes] = {}

    def take(self, record: Record) -> None:
        """The next fact of the history."""
        fact = _read(record)
        if not self._is_next(fact):
            self.known.skipped += 1
            return
        if self.cut and self.cut[-1].position != fact.position:
            raise HistoryDamaged(f"The decision on {self.cut[-1].position} is not complete, but others follow it.")
        self.cut.append(fact)
        if fact.step + 1 == fact.steps:
            self.fold_buffered()

    def _is_next(self, fact: _Fact) -> bool:
        envelope = fact.event.envelope
        assert envelope.team is not None
        assert envelope.sequence is not None
        sequence, digest = self._heads.get(envelope.team, (0, None))
        if envelope.sequence <= sequence:
            return False
        if envelope.sequence > sequence + 1 or (digest is not None and envelope.previoushash != digest):
            raise HistoryDamaged(f"Fact {envelope.sequence} of team {envelope.team} does not follow fact {sequence}.")
        assert envelope.hash is not None
        self._heads[envelope.team] = (envelope.sequence, envelope.hash)
        return True

    def fold_buffered(self) -> None:
        """Fold the facts that were read, and forget them."""
        for fact in self.cut:
            self._fold(fact)
        self.cut = []

    def _fold(self, fact: _Fact) -> None:
        envelope, message, state = fact.event.envelope, fact.event.message, self.state
        assert envelope.team is not None
        assert envelope.sequence is not None
        assert envelope.hash is not None
        state.now = max(state.now, fact.now)
        self.known.positions[fact.position.topic] = fact.position.offset + 1
        team = state.log(envelope.team)
        try:
            team.append(message, envelope.sequence, envelope.hash)
        except FoldFailed:
            log.exception("fact %s could not be folded", envelope.id)
            state.quarantine(team)
        team.remember(fact.position, envelope.causationid, fact.now)
        if not team.quarantined:
            state.clock.follow(team.team)
        self._keep_request(team.team, fact.record, message)

    def _keep_request(self, team: Team, record: Record, message: Message) -> None:
        """What may have to be sent again: requests of open jobs, and grants that are held."""
        job = getattr(message, "job", None)
        if isinstance(message, StackJob | StackCheckRequested | ImageJob):
            self._requests[team.name, message.job] = record.value
        elif isinstance(message, JobGranted):
            self._grants[team.name, message.job] = record.value
        elif job is not None and not (job in team.jobs or job in team.checks or job in team.image_jobs):
            self._requests.pop((team.name, job), None)
            self._grants.pop((team.name, job), None)

    def open_requests(self) -> list[tuple[str, bytes]]:
        """Requests whose jobs are open, and the grants that runs hold: per record its key and value."""
        unanswered = []
        for (name, job), request in self._requests.items():
            team = self.state.log(name).team
            if (unclaimed := team.checks.get(job) or team.image_jobs.get(job)) is not None:
                unanswered.append((deploys_key(name, unclaimed), request))
                continue
            if (known := team.jobs.get(job)) is None:
                continue
            key = deploys_key(name, known.request)
            unanswered.append((key, request))
            grant = team.grants.get(known.place)
            if grant is not None and grant.job == job:
                unanswered.append((key, self._grants[name, job]))
        return unanswered


def _read(record: Record) -> _Fact:
    try:
        event = decode(HISTORY.name, record.value)
    except Unreadable as why:
        raise HistoryDamaged(f"Record {record.offset} of partition {record.partition}: {why.reason}") from why
    envelope = event.envelope
    sealed = (envelope.team, envelope.sequence, envelope.hash, envelope.step, envelope.steps)
    if envelope.input is None or envelope.time is None or None in sealed:
        raise HistoryDamaged(f"Record {record.offset} of partition {record.partition} is no sealed fact.")
    assert envelope.step is not None
    assert envelope.steps is not None
    position = Position.parse(envelope.input)
    return _Fact(record, event, position, milliseconds(envelope.time), envelope.step, envelope.steps)


async def _mend(state: PartitionState, replay: _Replay, bus: Bus) -> list[Sealed]:
    """Complete the decision that the history ends in. Returns what is to be written."""
    written = list(replay.cut)
    again = await _decide_again(state, written, bus)
    if again is not None and [s.value for s in again[: len(written)]] == [f.record.value for f in written]:
        replay.fold_buffered()
        missing = again[len(written) :]
        log.warning("the decision on %s was cut; its last %d facts are written now", written[0].position, len(missing))
    else:
        missing = _cut(state, replay, written, "its input has expired" if again is None else "its outcome differs")
    now = written[0].now
    state.append(missing, now)
    return missing


async def _decide_again(state: PartitionState, written: list[_Fact], bus: Bus) -> list[Sealed] | None:
    first = written[0]
    position = first.position
    record = await _input_at(position, bus)
    if record is None:
        return None
    again = _answer_of(state, record, first.now)
    if not again.facts or again.origin is None:
        return []
    return seal_all(again.facts, again.origin, 0, len(again.facts))


async def _input_at(position: Position, bus: Bus) -> Record | None:
    async for record in bus.read(position.topic, position.partition, At(offset=position.offset), position.offset + 1):
        if record.offset == position.offset:
            return record
    return None


def _answer_of(state: PartitionState, record: Record, now: int) -> Answer:
    try:
        event = decode(record.topic, record.value)
    except Unreadable as why:
        return answer_unreadable(state, record, why, now)
    return answer(state, record, event, now)


def _cut(state: PartitionState, replay: _Replay, written: list[_Fact], reason: str) -> list[Sealed]:
    """Say that the decision stays incomplete, and fail what it had opened."""
    first = written[0]
    teams = {f.event.envelope.team: None for f in written if f.event.envelope.team is not None}
    before = {
        name: {a.name: Before(a.id, list(a.stacks)) for a in state.log(name).team.apps.values()} for name in teams
    }
    replay.fold_buffered()
    envelope = first.event.envelope
    moment = Moment(first.now, envelope.causationid or "unknown", envelope.actor or "ownstack", state.lease)
    facts: list[Decided] = []
    for name in teams:
        log_of_team = state.log(name)
        mine = [f.event.message for f in written if f.event.envelope.team == name]
        cut = DecisionCut(input=str(first.position), written=len(written), reason=reason)
        follows = [] if log_of_team.quarantined else after_cut(log_of_team.team, cut, mine, before[name], moment)
        facts.extend(Decided(log_of_team, fact) for fact in (cut, *follows))
    log.error("the decision on %s was cut after %d facts: %s", first.position, len(written), reason)
    origin = Origin(
        first.position, first.now, envelope.actor, envelope.correlationid, envelope.causationid, envelope.traceparent
    )
    return seal_all(facts, origin, len(written), len(written) + len(facts))
