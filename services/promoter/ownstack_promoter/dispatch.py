"""The two tables: `decides`, from input to facts, and `evolves`, from fact to state; one small function per type."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeVar

from ownstack_contracts.message import Message
from ownstack_promoter.team import Team

M = TypeVar("M", bound=Message)


class Moment(NamedTuple):
    """What a decision may know beside the team and the input.

    now: ms since the epoch, the largest append time seen in the partition. id: of the input's event. actor: who sent
    it. lease: seconds that a grant is given for.
    """

    now: int
    id: str
    actor: str
    lease: int = 15


Decide = Callable[[Team, Any, Moment], Iterator[Message]]
Evolve = Callable[[Team, Any], None]
Rule = Callable[[Team, M, Moment], Iterator[Message]]
Fold = Callable[[Team, M], None]

_DECIDES: dict[type[Message], Decide] = {}
_EVOLVES: dict[type[Message], Evolve] = {}


def decides(kind: type[M]) -> Callable[[Rule[M]], Rule[M]]:
    """Register the rule for an input type."""

    def register(rule: Rule[M]) -> Rule[M]:
        _DECIDES[kind] = rule
        return rule

    return register


def evolves(kind: type[M]) -> Callable[[Fold[M]], Fold[M]]:
    """Register what a fact type does to the state."""

    def register(fold: Fold[M]) -> Fold[M]:
        _EVOLVES[kind] = fold
        return fold

    return register


def decide(team: Team, message: Message, moment: Moment) -> list[Message]:
    """The facts that an input comes to; the team is left as it is. Raises Refused if a command does not hold."""
    return list(_DECIDES[type(message)](team, message, moment))


def evolve(team: Team, fact: Message) -> None:
    """Fold a fact into the team. Never refuses, never decides."""
    team.sequence += 1
    fold = _EVOLVES.get(type(fact))
    if fold is not None:
        fold(team, fact)


def decided_types() -> frozenset[type[Message]]:
    """The input types that have a rule."""
    return frozenset(_DECIDES)


def evolved_types() -> frozenset[type[Message]]:
    """The fact types that change the state."""
    return frozenset(_EVOLVES)
