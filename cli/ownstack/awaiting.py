"""Waits for one fact of the team: that what a command asked for has come about, or has not."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import NamedTuple

from ownstack.answers import Json
from ownstack.exits import Exit, Silent
from ownstack.output import safe
from ownstack.session import Session


class Awaited(NamedTuple):
    """What is waited for, and how that is said.

    says: what goes on meanwhile. is_it: whether a fact, by its type and data, is it. on_interrupt: the command that
    shows later what became of it.
    """

    says: str
    is_it: Callable[[str, Json], bool]
    on_interrupt: str


def await_fact(session: Session, after: int, awaited: Awaited) -> Json:
    """The first such fact after sequence `after`. When Ctrl-C ends the waiting: raises Silent, INTERRUPTED."""
    output = session.output
    if not output.live:
        output.say(f"  {awaited.says}")
    try:
        with output.out.status(safe(awaited.says)) if output.live else nullcontext():
            for event in session.client.follow("/events", after=str(after)):
                fact = event.document()
                if awaited.is_it(fact["type"], fact.get("data", {})):
                    return fact
    except KeyboardInterrupt:
        output.note(f"It goes on without you. To see how: {awaited.on_interrupt}")
        raise Silent(Exit.INTERRUPTED) from None
    raise AssertionError("a stream has no end")
