"""Deployments: one release of one app on one stack, with its attempts, their phases, and its post-deploy scripts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import orjson
from sqlalchemy import Connection, Row, Table, and_, select, tuple_

from ownstack_readmodel.paging import cursor_of, cut, parts_of
from ownstack_readmodel.queries.apps import row_of
from ownstack_readmodel.tables import ATTEMPTS, DEPLOYMENTS, POSTDEPLOYS, ROLLOUTS
from ownstack_readmodel.views import AttemptView, DeploymentView, Page, PhaseView, PostdeployView

V = TypeVar("V")
_D, _R = DEPLOYMENTS.c, ROLLOUTS.c
_DEPLOYMENTS = select(DEPLOYMENTS, _R.kind, _R.image, _R.digest).join(
    ROLLOUTS, and_(_R.team == _D.team, _R.rollout == _D.rollout)
)
_Key = tuple[str, str]
"""Rollout and stack."""


def deployments(
    connection: Connection, team: str, app: str, limit: int, cursor: str | None = None, *, stack: str | None = None
) -> Page[DeploymentView] | None:
    """The deployments of an app in its present creation, the latest first; None if there is no such app.

    Raises CursorInvalid.
    """
    of_app = row_of(connection, team, app)
    if of_app is None:
        return None
    query = _DEPLOYMENTS.where(_D.team == team, _D.app_id == of_app.app_id)
    if stack is not None:
        query = query.where(_D.stack == stack)
    if cursor is not None:
        query = query.where(tuple_(_D.started, _D.place) < tuple_(*parts_of(cursor, int, int)))
    query = query.order_by(_D.started.desc(), _D.place.desc()).limit(limit + 1)
    page, following = cut(connection.execute(query).all(), limit, lambda row: cursor_of(row.started, row.place))
    return Page(items=_views(connection, team, page), next=following)


def deployment(connection: Connection, team: str, deployment_id: str) -> DeploymentView | None:
    """One deployment (`<rollout>.<stack>`); None if there is no such one, or its rollout waits for its turn."""
    rollout, _, stack = deployment_id.rpartition(".")
    query = _DEPLOYMENTS.where(_D.team == team, _D.rollout == rollout, _D.stack == stack)
    views = _views(connection, team, connection.execute(query).all())
    return views[0] if views else None


def _views(connection: Connection, team: str, rows: Sequence[Row[Any]]) -> list[DeploymentView]:
    keys = [(row.rollout, row.stack) for row in rows]
    attempts = _by_deployment(connection, team, keys, ATTEMPTS, _attempt)
    scripts = _by_deployment(connection, team, keys, POSTDEPLOYS, postdeploy_view)
    return [_view(row, attempts.get(key, []), scripts.get(key, [])) for key, row in zip(keys, rows, strict=True)]


def _by_deployment(
    connection: Connection, team: str, keys: Sequence[_Key], table: Table, view: Callable[[Row[Any]], V]
) -> dict[_Key, list[V]]:
    """What `table` holds of these deployments, by attempt."""
    query = (
        select(table)
        .where(table.c.team == team, tuple_(table.c.rollout, table.c.stack).in_(keys))
        .order_by(table.c.attempt)
    )
    found: dict[_Key, list[V]] = {}
    for row in connection.execute(query):
        found.setdefault((row.rollout, row.stack), []).append(view(row))
    return found


def _attempt(row: Row[Any]) -> AttemptView:
    return AttemptView(
        attempt=row.attempt,
        job=row.job,
        state=row.state,
        asked_at=row.asked_at,
        granted_at=row.granted_at,
        ended_at=row.ended_at,
        runs=row.runs,
        lapses=row.lapses,
        deployer_run=row.run,
        generation=row.generation,
        phases=[
            PhaseView(phase=phase, started_at=started_at, ended_at=ended_at, outcome=outcome)
            for phase, started_at, ended_at, outcome in orjson.loads(row.phases)
        ],
        code=row.code,
        message=row.message,
    )


def postdeploy_view(row: Row[Any]) -> PostdeployView:
    """A post-deploy script, from its row."""
    return PostdeployView(
        stack=row.stack,
        attempt=row.attempt,
        job=row.job,
        state=row.state,
        started_at=row.started_at,
        ended_at=row.ended_at,
        code=row.code,
        message=row.message,
    )


def _view(row: Row[Any], attempts: list[AttemptView], scripts: list[PostdeployView]) -> DeploymentView:
    latest = attempts[-1] if attempts else None
    started = (attempt.granted_at for attempt in attempts if attempt.granted_at is not None)
    return DeploymentView(
        id=f"{row.rollout}.{row.stack}",
        rollout=row.rollout,
        kind=row.kind,
        app=row.app,
        app_id=row.app_id,
        stack=row.stack,
        release=row.release,
        image=row.image,
        digest=row.digest,
        state=latest.state if latest else row.state,
        attempts=attempts,
        postdeploys=scripts,
        code=latest.code if latest else row.code,
        message=latest.message if latest else None,
        started_at=next(started, None),
        ended_at=latest.ended_at if latest else row.at,
    )
