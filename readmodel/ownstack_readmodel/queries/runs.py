"""Commands that ran beside apps."""

from __future__ import annotations

from typing import Any

import orjson
from sqlalchemy import Connection, Row, select

from ownstack_readmodel.paging import cursor_of, cut, number_in
from ownstack_readmodel.queries.apps import row_of
from ownstack_readmodel.tables import RUNS
from ownstack_readmodel.views import Page, RunView

_R = RUNS.c


def runs(connection: Connection, team: str, app: str, limit: int, cursor: str | None = None) -> Page[RunView] | None:
    """Those of an app in its present creation, the latest first; None if there is no such app. Raises CursorInvalid."""
    of_app = row_of(connection, team, app)
    if of_app is None:
        return None
    query = select(RUNS).where(_R.team == team, _R.app_id == of_app.app_id)
    if cursor is not None:
        query = query.where(_R.asked < number_in(cursor))
    rows = connection.execute(query.order_by(_R.asked.desc()).limit(limit + 1)).all()
    page, following = cut(rows, limit, lambda row: cursor_of(row.asked))
    return Page(items=[_view(row) for row in page], next=following)


def run(connection: Connection, team: str, run_id: str) -> RunView | None:
    """One of them, by the id of the command that asked for it, also of an app that is gone; None if there is none."""
    row = connection.execute(select(RUNS).where(_R.team == team, _R.run == run_id)).one_or_none()
    return _view(row) if row else None


def _view(row: Row[Any]) -> RunView:
    return RunView(
        id=row.run,
        job=row.job,
        app=row.app,
        stack=row.stack,
        command=orjson.loads(row.command),
        status=row.status,
        exit_code=row.exit_code,
        lines=row.lines,
        actor=row.actor,
        requested_at=row.requested_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
        code=row.code,
        message=row.message,
    )
