"""What is being worked on, for whoever writes a log: set around an input, a run or a request; read by formatters."""

from __future__ import annotations

from contextvars import ContextVar
from typing import NamedTuple


class Work(NamedTuple):
    """Whose it is, what it goes back to, and what it was caused by. request, traceid: of the HTTP request, if any.

    correlationid: the id of the command that all of it began with; causationid: of the record that is worked on.
    """

    team: str | None = None
    correlationid: str | None = None
    causationid: str | None = None
    request: str | None = None
    traceid: str | None = None


NOTHING = Work()
WORK: ContextVar[Work] = ContextVar("ownstack-work", default=NOTHING)
"""What the present task works on."""


def said() -> dict[str, str]:
    """What is known of the present work, by name."""
    return {name: value for name, value in zip(Work._fields, WORK.get(), strict=True) if value is not None}
