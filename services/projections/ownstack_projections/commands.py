"""Commands: admitted, when their fact stands in the history, or rejected; and the rollout that each is about."""

from __future__ import annotations

from ownstack_contracts.catalog import COMMAND_TYPES
from ownstack_contracts.message import Message
from ownstack_contracts.promotions import PromotionCancelRequested
from ownstack_contracts.rejections import CommandRejected
from ownstack_projections.dispatch import projects
from ownstack_projections.facts import Fact, Stamp
from ownstack_projections.rows import CommandRow
from ownstack_projections.tables import Rows

_ADMITTED: frozenset[type[Message]] = frozenset(COMMAND_TYPES.values())


def note(rows: Rows, fact: Fact) -> str | None:
    """The id of the command whose outcome this fact is; if it was admitted, that is noted here."""
    stamp, kind = fact.stamp, type(fact.message)
    if kind is CommandRejected:
        return stamp.command
    if kind not in _ADMITTED or stamp.command is None or _is_noted(rows, stamp, stamp.command):
        return None
    rows.commands.put(
        CommandRow(stamp.team, stamp.command, kind.type_name(), stamp.actor, stamp.at, "admitted", stamp.sequence)
    )
    return stamp.command


def _is_noted(rows: Rows, stamp: Stamp, command: str) -> bool:
    """Whether an earlier fact of this decision was the command: what follows from it may look like one, as where a
    review app is made as a clone, and closed by being destroyed."""
    if stamp.step == 0:
        return False
    known = rows.commands.find(stamp.team, command)
    return known is not None and known.sequence >= stamp.sequence - stamp.step


def opens(rows: Rows, stamp: Stamp, rollout: str) -> None:
    """The command that this fact follows from opens the rollout, or goes on with it."""
    if stamp.command is not None:
        rows.commands.edit(stamp.team, stamp.command).rollout = rollout


@projects(PromotionCancelRequested)
def cancel_requested(rows: Rows, fact: PromotionCancelRequested, stamp: Stamp) -> None:
    opens(rows, stamp, fact.promotion)


@projects(CommandRejected)
def rejected(rows: Rows, fact: CommandRejected, stamp: Stamp) -> None:
    rows.commands.put(
        CommandRow(
            team=stamp.team,
            command=fact.command,
            type=fact.command_type[:256],
            actor=stamp.actor,
            at=stamp.at,
            status="rejected",
            sequence=stamp.sequence,
            code=fact.code,
            message=fact.message,
            hint=fact.hint,
        )
    )
