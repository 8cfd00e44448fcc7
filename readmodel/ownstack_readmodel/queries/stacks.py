"""Stacks, with the apps on them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import Connection, Row, select

from ownstack_readmodel.paging import cursor_of, cut, name_in
from ownstack_readmodel.tables import APP_STACKS, STACKS
from ownstack_readmodel.views import CheckView, Page, StackView


def stacks(connection: Connection, team: str, limit: int, cursor: str | None = None) -> Page[StackView]:
    """The team's stacks by name. Raises CursorInvalid."""
    query = select(STACKS).where(STACKS.c.team == team).order_by(STACKS.c.stack).limit(limit + 1)
    if cursor is not None:
        query = query.where(STACKS.c.stack > name_in(cursor))
    page, following = cut(connection.execute(query).all(), limit, lambda row: cursor_of(row.stack))
    return Page(items=_views(connection, team, page), next=following)


def stack(connection: Connection, team: str, name: str) -> StackView | None:
    """One stack; None if the team has none of this name."""
    rows = connection.execute(select(STACKS).where(STACKS.c.team == team, STACKS.c.stack == name)).all()
    views = _views(connection, team, rows)
    return views[0] if views else None


def _views(connection: Connection, team: str, rows: Sequence[Row[Any]]) -> list[StackView]:
    query = (
        select(APP_STACKS.c.stack, APP_STACKS.c.app)
        .where(APP_STACKS.c.team == team, APP_STACKS.c.stack.in_([row.stack for row in rows]))
        .order_by(APP_STACKS.c.stack, APP_STACKS.c.app)
    )
    apps: dict[str, list[str]] = {}
    for name, app in connection.execute(query):
        apps.setdefault(name, []).append(app)
    return [
        StackView(
            name=row.stack,
            driver=row.driver,
            address=row.address,
            settings=orjson.loads(row.settings),
            added_at=row.added_at,
            check=CheckView(**orjson.loads(row.checked)) if row.checked is not None else None,
            apps=apps.get(row.stack, []),
        )
        for row in rows
    ]
