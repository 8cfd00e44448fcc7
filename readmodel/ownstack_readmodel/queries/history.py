"""The history itself: a team's facts in the order of their sequence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection, Select, select, union_all

from ownstack_readmodel.paging import cursor_of, cut, number_in
from ownstack_readmodel.tables import HISTORY, TEAMS
from ownstack_readmodel.views import FactView, Page

_H = HISTORY.c


class FactRecord(NamedTuple):
    """A fact as the model holds it; `record` is what stands in the history, byte for byte."""

    sequence: int
    type: str
    app: str | None
    at: int
    actor: str | None
    record: bytes


def last_sequence(connection: Connection, team: str) -> int:
    """The sequence of the latest fact of the team that the read model holds; 0 if it holds none."""
    return connection.scalar(select(TEAMS.c.sequence).where(TEAMS.c.team == team)) or 0


def facts_after(
    connection: Connection, team: str, after: int, limit: int, *, app: str | None = None
) -> Sequence[FactRecord]:
    """Up to `limit` facts with a sequence above `after`, the oldest first; all, or those about an app."""
    return _facts(connection, _H.sequence > after, team, limit, app, newest_first=False)


def facts_before(
    connection: Connection, team: str, before: int | None, limit: int, *, app: str | None = None
) -> Sequence[FactRecord]:
    """Up to `limit` facts with a sequence below `before` (None: all), the newest first; all, or those about an app."""
    return _facts(connection, _H.sequence < (2**62 if before is None else before), team, limit, app, newest_first=True)


def _facts(
    connection: Connection, within: Any, team: str, limit: int, app: str | None, *, newest_first: bool
) -> list[FactRecord]:
    """A fact can be about two apps, so those about an app are found by two indexes, each in order."""

    def ordered(column: Any) -> Any:
        return column.desc() if newest_first else column.asc()

    query: Select[Any] = (
        select(_H.sequence, _H.type, _H.app, _H.at, _H.actor, _H.record)
        .where(_H.team == team, within)
        .order_by(ordered(_H.sequence))
        .limit(limit)
    )
    if app is not None:
        halves = [query.where(column == app).subquery() for column in (_H.app, _H.other_app)]
        both = union_all(*(select(half) for half in halves)).subquery()
        query = select(both).order_by(ordered(both.c.sequence)).limit(limit)
    return [FactRecord(*row) for row in connection.execute(query)]


def history(
    connection: Connection,
    team: str,
    limit: int,
    cursor: str | None = None,
    *,
    app: str | None = None,
    after: int | None = None,
    before: int | None = None,
) -> Page[FactView]:
    """A page of facts: the oldest first if `after` (a sequence) is given, else the newest first, from below `before`.

    A cursor goes on in the same direction. Raises CursorInvalid.
    """
    if after is not None:
        start = after if cursor is None else max(after, number_in(cursor))
        rows = facts_after(connection, team, start, limit + 1, app=app)
    else:
        end = before if cursor is None else min(number_in(cursor), 2**62 if before is None else before)
        rows = facts_before(connection, team, end, limit + 1, app=app)
    page, following = cut(rows, limit, lambda row: cursor_of(row.sequence))
    return Page(items=[fact_view(row) for row in page], next=following)


def fact_view(fact: FactRecord) -> FactView:
    """A fact with its record read."""
    return FactView(
        sequence=fact.sequence,
        type=fact.type,
        at=fact.at,
        app=fact.app,
        actor=fact.actor,
        event=orjson.loads(fact.record),
    )
