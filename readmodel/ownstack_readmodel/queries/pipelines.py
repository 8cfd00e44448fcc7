"""Pipelines, with what each stage runs."""

from __future__ import annotations

from typing import Any

import orjson
from sqlalchemy import Connection, Row, select

from ownstack_readmodel.paging import cursor_of, cut, name_in
from ownstack_readmodel.queries.holdings import holdings_of
from ownstack_readmodel.tables import PIPELINES, ROLLOUTS
from ownstack_readmodel.views import Page, PipelineView, ReviewAppsView, StageView


def pipelines(connection: Connection, team: str, limit: int, cursor: str | None = None) -> Page[PipelineView]:
    """The team's pipelines by the name of their production app. Raises CursorInvalid."""
    query = select(PIPELINES).where(PIPELINES.c.team == team).order_by(PIPELINES.c.production).limit(limit + 1)
    if cursor is not None:
        query = query.where(PIPELINES.c.production > name_in(cursor))
    page, following = cut(connection.execute(query).all(), limit, lambda row: cursor_of(row.production))
    return Page(items=[_view(connection, team, row) for row in page], next=following)


def pipeline(connection: Connection, team: str, production: str) -> PipelineView | None:
    """The pipeline of an app; None if the team has no such pipeline."""
    query = select(PIPELINES).where(PIPELINES.c.team == team, PIPELINES.c.production == production)
    row = connection.execute(query).one_or_none()
    return _view(connection, team, row) if row else None


def _view(connection: Connection, team: str, row: Row[Any]) -> PipelineView:
    stages: list[str] = orjson.loads(row.stages)
    held = holdings_of(connection, team, stages)
    return PipelineView(
        production=row.production,
        created_at=row.created_at,
        stages=[
            StageView(
                app=app,
                position=position,
                production=app == row.production,
                summary=held[app].summary,
                current_release=held[app].current,
                stacks=held[app].stacks,
                promotion=_latest_promotion(connection, team, app),
            )
            for position, app in enumerate(stages)
        ],
        review_apps=ReviewAppsView(**orjson.loads(row.review_apps)) if row.review_apps is not None else None,
    )


def _latest_promotion(connection: Connection, team: str, app: str) -> str | None:
    """The promotion to `app` that was opened last."""
    return connection.scalar(
        select(ROLLOUTS.c.rollout)
        .where(ROLLOUTS.c.team == team, ROLLOUTS.c.kind == "promotion", ROLLOUTS.c.app == app)
        .order_by(ROLLOUTS.c.opened.desc())
        .limit(1)
    )
