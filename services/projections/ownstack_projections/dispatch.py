"""The table of handlers: from a type of fact to what it does to the rows. No handler knows of offsets or sessions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from ownstack_contracts.message import Message
from ownstack_projections.facts import Fact, Stamp
from ownstack_projections.stopped import FactNotProjected
from ownstack_projections.tables import Rows

M = TypeVar("M", bound=Message)
Handler = Callable[[Rows, Any, Stamp], None]

_HANDLERS: dict[type[Message], Handler] = {}


def projects(kind: type[M]) -> Callable[[Callable[[Rows, M, Stamp], None]], Callable[[Rows, M, Stamp], None]]:
    """Register what a type of fact does to the rows."""

    def register(handler: Callable[[Rows, M, Stamp], None]) -> Callable[[Rows, M, Stamp], None]:
        _HANDLERS[kind] = handler
        return handler

    return register


def project(rows: Rows, fact: Fact) -> None:
    """Change the rows as a fact has it; most types change some, all are kept. Raises FactNotProjected."""
    handler = _HANDLERS.get(type(fact.message))
    if handler is None:
        return
    try:
        handler(rows, fact.message, fact.stamp)
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise FactNotProjected(
            "fact-not-projected",
            f"{fact.message.type_name()} of team {fact.stamp.team}, sequence {fact.stamp.sequence}, does not fit the "
            f"rows before it ({error!r}). This is a fault of ours; nothing was written. Rebuild the read model; if it "
            "stops here again, report this line.",
        ) from error


def projected_types() -> frozenset[type[Message]]:
    """The types of facts that change rows beside the history itself."""
    return frozenset(_HANDLERS)
