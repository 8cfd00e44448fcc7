"""What an input comes to: to which team it belongs, whether it is answered already, and which facts it makes.

Nothing here changes anything: the facts are folded once they are sealed.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from ownstack_bus.port import Record
from ownstack_contracts.config import CONFIDENTIAL
from ownstack_contracts.envelope import Envelope, Event, Unreadable
from ownstack_contracts.history import Origin, Position
from ownstack_contracts.leases import ClockTicked, Heartbeat, LeaseLapsed
from ownstack_contracts.message import Command, Message
from ownstack_contracts.rejections import CommandRejected
from ownstack_contracts.teams import TeamCreated
from ownstack_contracts.topics import COMMANDS
from ownstack_promoter.clones import erased_with
from ownstack_promoter.domain import Moment, Refused, decide, expire
from ownstack_promoter.state import PartitionState
from ownstack_promoter.teamlog import Decided, TeamLog

log = logging.getLogger(__name__)

DATA_KEPT = 4 * 1024
"""A rejected command larger than this (bytes of its record) is not repeated in the rejection."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """The input can't be taken: why, as a stable code and a sentence."""

    code: str
    reason: str


@dataclass(slots=True)
class Answer:
    """What an input comes to."""

    facts: Sequence[Decided] = ()
    origin: Origin | None = None
    dead_letter: DeadLetter | None = None
    trusted: TeamLog | None = field(default=None)
    """The team that was heard, if the input was read."""


_HINTS = {"config-not-encrypted": "change the secret where it comes from, then: ownstack config:set APP NAME=VALUE"}


def position_of(record: Record) -> Position:
    """Where an input lies."""
    return Position(record.topic, record.partition, record.offset)


def answer_unreadable(state: PartitionState, record: Record, why: Unreadable, now: int) -> Answer:
    """A dead letter; and a rejection, if it can be said whose command it was."""
    answer = Answer(dead_letter=DeadLetter(why.code, why.reason))
    if record.topic != COMMANDS.name or why.team is None or why.id is None or not state.owns(why.team):
        return answer
    team = state.log(why.team)
    if team.has_answered(why.id, now):
        return answer
    answer.origin = Origin(position_of(record), now, correlationid=why.id, causationid=why.id)
    rejected = CommandRejected(
        command=why.id,
        command_type=why.type or "unknown",
        code=why.code,
        message=why.reason[:2_000],
        hint=_HINTS.get(why.code, "docs/reference/messages.md shows each command"),
    )
    answer.facts = [Decided(team, rejected)]
    return answer


def answer(state: PartitionState, record: Record, event: Event, now: int) -> Answer:
    """What a readable input comes to at `now` (ms since the epoch)."""
    if isinstance(event.message, ClockTicked):
        return _tick(state, record, event.envelope, now)
    assert event.envelope.team is not None
    team = state.log(event.envelope.team)
    if isinstance(event.message, Command):
        return _command(state, team, record, event, now)
    return _report(state, team, record, event, now)


def _command(state: PartitionState, team: TeamLog, record: Record, event: Event, now: int) -> Answer:
    envelope, message = event.envelope, event.message
    if team.has_answered(envelope.id, now):
        return Answer(trusted=team)
    origin = origin_of(record, envelope, now, correlationid=envelope.correlationid or envelope.id)
    try:
        facts = _admit(state, team, record, event, now)
    except Refused as refused:
        facts = [_rejection(refused, envelope.id, message, record), *erased_with(team.team, message, envelope.id)]
    return Answer([Decided(team, fact) for fact in facts], origin, trusted=team)


def _admit(state: PartitionState, team: TeamLog, record: Record, event: Event, now: int) -> list[Message]:
    if team.quarantined:
        raise Refused("team-quarantined", _QUARANTINED, hint="ask whoever runs this installation")
    if position_of(record) in state.poison.inputs:
        raise Refused("internal-error", _INTERNAL, hint="it was logged; the command has changed nothing")
    if not team.team.created and not isinstance(event.message, TeamCreated):
        raise Refused("team-unknown", f"There is no team {team.team.name}.", hint="publish TeamCreated first")
    try:
        return decide(team.team, event.message, moment_of(event.envelope, now, state.lease))
    except Refused:
        raise
    except Exception as error:
        log.exception("deciding %s of %s failed", record.offset, record.topic)
        raise Refused("internal-error", _INTERNAL, hint="it was logged; the command has changed nothing") from error


_QUARANTINED = "The history of this team can't be folded, so nothing is decided for it."
_INTERNAL = "Something went wrong on our side while this was decided."


def moment_of(envelope: Envelope, now: int, lease: int) -> Moment:
    """What the rules may know beside the team and the input."""
    return Moment(now, envelope.id, envelope.actor or envelope.source, lease)


def origin_of(record: Record, envelope: Envelope, now: int, *, correlationid: str | None) -> Origin:
    """What all facts of the decision have in common."""
    return Origin(position_of(record), now, envelope.actor, correlationid, envelope.id, envelope.traceparent)


def _rejection(refused: Refused, command: str, message: Message, record: Record) -> CommandRejected:
    data: dict[str, Any] | None = None
    if len(record.value) <= DATA_KEPT and message.type_name() not in CONFIDENTIAL:
        data = message.model_dump(exclude_none=True, mode="json")
    return CommandRejected(
        command=command,
        command_type=message.type_name(),
        code=refused.code,
        message=refused.message[:2_000],
        hint=refused.hint[:2_000] if refused.hint else None,
        data=data,
    )


def _report(state: PartitionState, team: TeamLog, record: Record, event: Event, now: int) -> Answer:
    message = event.message
    if team.quarantined:
        return Answer(dead_letter=DeadLetter("team-quarantined", _QUARANTINED))
    if state.poison.inputs and position_of(record) in state.poison.inputs:
        return Answer(dead_letter=DeadLetter("internal-error", _INTERNAL))
    if isinstance(message, Heartbeat):
        return Answer(trusted=team)
    if isinstance(message, LeaseLapsed) and not state.leasing.has_lapsed(message.run, now):
        return Answer(trusted=team)
    try:
        facts = decide(team.team, message, moment_of(event.envelope, now, state.lease))
    except Exception:
        log.exception("deciding %s of %s failed", record.offset, record.topic)
        return Answer(dead_letter=DeadLetter("internal-error", _INTERNAL))
    origin = origin_of(record, event.envelope, now, correlationid=event.envelope.correlationid)
    return Answer([Decided(team, fact) for fact in facts], origin, trusted=team)


def _tick(state: PartitionState, record: Record, envelope: Envelope, now: int) -> Answer:
    facts: list[Decided] = []
    for name in state.clock.due(now):
        team = state.log(name)
        if team.quarantined:
            state.clock.forget(name)
            continue
        facts.extend(Decided(team, fact) for fact in _expired(state, team, moment_of(envelope, now, state.lease)))
    return Answer(facts, origin_of(record, envelope, now, correlationid=None))


def _expired(state: PartitionState, team: TeamLog, moment: Moment) -> list[Message]:
    try:
        return expire(team.team, moment)
    except Exception:
        log.exception("the timers of team %s can't be decided on; it is quarantined", team.team.name)
        state.quarantine(team)
        return []
