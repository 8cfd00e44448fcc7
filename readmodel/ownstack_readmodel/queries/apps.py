"""Apps, with what is live on each of their stacks."""

from __future__ import annotations

from typing import Any

import orjson
from sqlalchemy import Connection, Row, func, select

from ownstack_readmodel.paging import cursor_of, cut, name_in
from ownstack_readmodel.queries.holdings import Holdings, holdings_of
from ownstack_readmodel.queries.news import NEWS, News, news_of
from ownstack_readmodel.tables import APP_STACKS, APPS
from ownstack_readmodel.views import AppView, Page, ReviewAppView, SettingsView


def apps(connection: Connection, team: str, limit: int, cursor: str | None = None) -> Page[AppView]:
    """The team's apps by name. Raises CursorInvalid."""
    query = select(APPS, *NEWS).where(APPS.c.team == team).order_by(APPS.c.app).limit(limit + 1)
    if cursor is not None:
        query = query.where(APPS.c.app > name_in(cursor))
    rows = connection.execute(query).all()
    counts = _stacks_per_app(connection, team, [row.app for row in rows])
    page, following = cut(rows, limit, lambda row: cursor_of(row.app), lambda row: counts.get(row.app, 0))
    held = holdings_of(connection, team, [row.app for row in page])
    news = news_of(connection, team, page)
    return Page(items=[_view(row, held[row.app], news) for row in page], next=following)


def _stacks_per_app(connection: Connection, team: str, names: list[str]) -> dict[str, int]:
    query = (
        select(APP_STACKS.c.app, func.count())
        .where(APP_STACKS.c.team == team, APP_STACKS.c.app.in_(names))
        .group_by(APP_STACKS.c.app)
    )
    return dict(connection.execute(query).all())


def app(connection: Connection, team: str, name: str) -> AppView | None:
    """One app; None if the team has none of this name."""
    rows = connection.execute(select(APPS, *NEWS).where(APPS.c.team == team, APPS.c.app == name)).all()
    if not rows:
        return None
    return _view(rows[0], holdings_of(connection, team, [name])[name], news_of(connection, team, rows))


def row_of(connection: Connection, team: str, name: str) -> Row[Any] | None:
    """The row of an app, in its present creation."""
    return connection.execute(select(APPS).where(APPS.c.team == team, APPS.c.app == name)).one_or_none()


def _view(row: Row[Any], held: Holdings, news: News) -> AppView:
    return AppView(
        name=row.app,
        id=row.app_id,
        created_at=row.created_at,
        summary=held.summary,
        current_release=held.current,
        stacks=held.stacks,
        settings=SettingsView(**{name: row._mapping[name] for name in SettingsView.model_fields}),
        pipeline=row.pipeline,
        rollout=row.rollout,
        queue=orjson.loads(row.queue),
        cloned_from=row.cloned_from,
        review=ReviewAppView(**orjson.loads(row.review)) if row.review is not None else None,
        resolving=news.resolving.get(row.app),
        last_failure=news.failures.get(row.app),
    )
