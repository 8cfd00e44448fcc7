"""Pages of lists: opaque cursors, and how many rows go on a page."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import TypeVar

import orjson

from ownstack_readmodel.errors import CursorInvalid

R = TypeVar("R")

MOST_PARTS = 5_000
"""How many parts (stacks of apps or rollouts) a page may show: beyond, it ends early, after one item at least."""


def cursor_of(*parts: str | int) -> str:
    """A cursor that stands for the place after the item with these sort values."""
    return base64.urlsafe_b64encode(orjson.dumps(parts)).rstrip(b"=").decode()


def parts_of(cursor: str, *kinds: type[str] | type[int]) -> tuple[str | int, ...]:
    """The sort values in a cursor, each of its kind. Raises CursorInvalid."""
    try:
        parts = orjson.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError):
        raise CursorInvalid(cursor) from None
    if not isinstance(parts, list) or [type(part) for part in parts] != list(kinds):
        raise CursorInvalid(cursor)
    if not all(_can_be_asked_for(part) for part in parts):
        raise CursorInvalid(cursor)
    return tuple(parts)


def _can_be_asked_for(part: str | int) -> bool:
    """Whether a database takes it as a value."""
    return "\0" not in part if isinstance(part, str) else 0 <= part < 2**63


def number_in(cursor: str) -> int:
    """The one number in a cursor. Raises CursorInvalid."""
    (number,) = parts_of(cursor, int)
    return int(number)


def name_in(cursor: str) -> str:
    """The one name in a cursor. Raises CursorInvalid."""
    (name,) = parts_of(cursor, str)
    return str(name)


def cut(
    rows: Sequence[R], limit: int, cursor: Callable[[R], str], parts: Callable[[R], int] = lambda _: 0
) -> tuple[Sequence[R], str | None]:
    """The rows of a page and the cursor of the next one, out of `limit + 1` rows that were asked for.

    parts: how many parts a row shows.
    """
    shown, count = 0, 0
    for row in rows[:limit]:
        count += parts(row)
        if shown and count > MOST_PARTS:
            break
        shown += 1
    page = rows[:shown]
    return page, cursor(page[-1]) if page and shown < len(rows) else None
