"""What all lists have in common: how many, from where, and what an unknown thing or a foreign cursor is answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, TypeVar

from fastapi import Depends, Query

from ownstack_api.problems import unknown

T = TypeVar("T")

MAX_LIMIT = 200


@dataclass(frozen=True, slots=True)
class Part:
    """Which part of a list. cursor: `next` of the part before it."""

    limit: int
    cursor: str | None


async def _part(
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT, description="How many at most.")] = 50,
    cursor: Annotated[str | None, Query(max_length=1_000, description="`next` of the page before.")] = None,
) -> Part:
    return Part(limit, cursor)


Wanted = Annotated[Part, Depends(_part)]


def found(thing: T | None, kind: str, name: str, hint: str | None = None) -> T:
    """The thing. Raises a 404 if there is none: another team's is none, too."""
    if thing is None:
        raise unknown(kind, name, hint)
    return thing
