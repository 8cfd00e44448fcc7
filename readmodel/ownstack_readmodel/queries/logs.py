"""Logs: the lines that phases printed, in the order in which they came."""

from __future__ import annotations

from sqlalchemy import Connection, or_, select

from ownstack_readmodel.paging import cursor_of, cut, number_in
from ownstack_readmodel.tables import APPS, LOG_LINES
from ownstack_readmodel.views import LogLineView, Page

_L = LOG_LINES.c


def logs(
    connection: Connection,
    team: str,
    app: str,
    limit: int,
    cursor: str | None = None,
    *,
    stack: str | None = None,
    deployment: str | None = None,
) -> Page[LogLineView]:
    """The lines of an app (of its stack), or of a deployment, the oldest first. Raises CursorInvalid.

    Those of an app are of the one that there is: one of its name that was destroyed is asked for by its deployments.
    """
    after = 0 if cursor is None else number_in(cursor)
    rows = lines_after(connection, team, app, after, limit + 1, stack=stack, deployment=deployment)
    page, following = cut(rows, limit, lambda line: cursor_of(line.cursor))
    return Page(items=list(page), next=following)


def lines_after(
    connection: Connection,
    team: str,
    app: str,
    after: int,
    limit: int,
    *,
    stack: str | None = None,
    deployment: str | None = None,
) -> list[LogLineView]:
    """Up to `limit` of the lines of `logs`, from the one after the cursor `after` on (0: from the first on)."""
    query = select(LOG_LINES).where(_L.team == team, _L.app == app, _L.cursor > after)
    if stack is not None:
        query = query.where(_L.stack == stack)
    if deployment is not None:
        query = query.where(_L.deployment == deployment)
    else:
        present = select(APPS.c.app_id).where(APPS.c.team == team, APPS.c.app == app).scalar_subquery()
        query = query.where(or_(_L.app_id == present, _L.app_id.is_(None)))
    rows = connection.execute(query.order_by(_L.cursor).limit(limit))
    return [
        LogLineView(
            cursor=row.cursor,
            deployment=row.deployment,
            job=row.job,
            stack=row.stack,
            phase=row.phase,
            number=row.number,
            at=row.at,
            text=row.text,
        )
        for row in rows
    ]


def last_line(connection: Connection, team: str, app: str) -> int:
    """The cursor of the latest line of an app; 0 if there is none."""
    query = select(_L.cursor).where(_L.team == team, _L.app == app).order_by(_L.cursor.desc()).limit(1)
    return connection.scalar(query) or 0
