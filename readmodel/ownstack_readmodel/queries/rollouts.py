"""Rollouts: of deployments and of promotions, with what became of each stack."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import Connection, Row, Select, select

from ownstack_readmodel.paging import cursor_of, cut, number_in
from ownstack_readmodel.queries.attempts import LATEST
from ownstack_readmodel.queries.deployments import postdeploy_view
from ownstack_readmodel.tables import ATTEMPTS, DEPLOYMENTS, POSTDEPLOYS, ROLLOUTS
from ownstack_readmodel.views import (
    DeploymentState,
    Page,
    PostdeployView,
    ReleaseTaskView,
    RetagView,
    RolloutView,
    StackResultView,
)

_R, _D, _A = ROLLOUTS.c, DEPLOYMENTS.c, ATTEMPTS.c
_STACKS: Select[Any] = (
    select(
        _D.rollout,
        _D.stack,
        _D.attempt,
        _D.state,
        _D.code,
        _D.at,
        _A.state.label("latest_state"),
        _A.code.label("latest_code"),
        _A.message,
        _A.granted_at,
        _A.ended_at,
    )
    .join(ATTEMPTS, LATEST, isouter=True)
    .order_by(_D.rollout, _D.place)
)


def rollouts(
    connection: Connection,
    team: str,
    limit: int,
    cursor: str | None = None,
    *,
    kind: str | None = None,
    app: str | None = None,
    status: str | None = None,
) -> Page[RolloutView]:
    """The team's rollouts, the latest first; all, or those of a kind, to an app, in a status. Raises CursorInvalid."""
    query = select(ROLLOUTS).where(_R.team == team).order_by(_R.opened.desc()).limit(limit + 1)
    for column, wanted in ((_R.kind, kind), (_R.app, app), (_R.status, status)):
        if wanted is not None:
            query = query.where(column == wanted)
    if cursor is not None:
        query = query.where(_R.opened < number_in(cursor))
    rows = connection.execute(query).all()
    page, following = cut(rows, limit, lambda row: cursor_of(row.opened), lambda row: len(orjson.loads(row.stacks)))
    return Page(items=_views(connection, team, page), next=following)


def promotions(
    connection: Connection,
    team: str,
    limit: int,
    cursor: str | None = None,
    *,
    app: str | None = None,
    status: str | None = None,
) -> Page[RolloutView]:
    """The team's promotions, the latest first; all, or those to an app, in a status. Raises CursorInvalid."""
    return rollouts(connection, team, limit, cursor, kind="promotion", app=app, status=status)


def rollout(connection: Connection, team: str, rollout_id: str) -> RolloutView | None:
    """One rollout, of a deployment or of a promotion; None if the team has none with this id."""
    rows = connection.execute(select(ROLLOUTS).where(_R.team == team, _R.rollout == rollout_id)).all()
    views = _views(connection, team, rows)
    return views[0] if views else None


def _views(connection: Connection, team: str, rows: Sequence[Row[Any]]) -> list[RolloutView]:
    ids = [row.rollout for row in rows]
    stacks: dict[str, list[Row[Any]]] = {}
    for of_stack in connection.execute(_STACKS.where(_D.team == team, _D.rollout.in_(ids))):
        stacks.setdefault(of_stack.rollout, []).append(of_stack)
    scripts = _postdeploys(connection, team, ids)
    return [_view(row, _results(row, stacks.get(row.rollout)), scripts.get(row.rollout, [])) for row in rows]


def _postdeploys(connection: Connection, team: str, ids: list[str]) -> dict[str, list[PostdeployView]]:
    query = (
        select(POSTDEPLOYS)
        .where(POSTDEPLOYS.c.team == team, POSTDEPLOYS.c.rollout.in_(ids))
        .order_by(POSTDEPLOYS.c.asked_at, POSTDEPLOYS.c.stack, POSTDEPLOYS.c.attempt)
    )
    found: dict[str, list[PostdeployView]] = {}
    for row in connection.execute(query):
        found.setdefault(row.rollout, []).append(postdeploy_view(row))
    return found


def _results(rollout: Row[Any], started: list[Row[Any]] | None) -> list[StackResultView]:
    """What became of each stack. Before a rollout starts it has no deployments, only stacks that it is meant for; if it
    ended before, and that says nothing of them, they were skipped."""
    recorded = {result["stack"]: result for result in orjson.loads(rollout.results or b"[]")}
    if started is None:
        unsaid: DeploymentState = "pending" if rollout.ended_at is None else "skipped"
        names: list[str] = orjson.loads(rollout.stacks)
        return [_unstarted(rollout.rollout, stack, recorded.get(stack), unsaid) for stack in names]
    return [_result(row, recorded.get(row.stack)) for row in started]


def _unstarted(
    rollout: str, stack: str, recorded: Mapping[str, Any] | None, unsaid: DeploymentState
) -> StackResultView:
    outcome = recorded["outcome"] if recorded else None
    return StackResultView(
        stack=stack, deployment=f"{rollout}.{stack}", state=outcome or unsaid, attempt=0, outcome=outcome
    )


def _result(row: Row[Any], recorded: Mapping[str, Any] | None) -> StackResultView:
    asked = row.latest_state is not None
    return StackResultView(
        stack=row.stack,
        deployment=f"{row.rollout}.{row.stack}",
        state=row.latest_state if asked else row.state,
        attempt=row.attempt,
        code=row.latest_code if asked else row.code,
        message=row.message,
        started_at=row.granted_at,
        ended_at=row.ended_at if asked else row.at,
        outcome=recorded["outcome"] if recorded else None,
    )


_MADE = frozenset(("stacks", "release_tasks", "retag"))
_TOLD = [name for name in RolloutView.model_fields if name in ROLLOUTS.c and name not in _MADE]
"""What a view tells as its row has it."""


def _view(row: Row[Any], stacks: list[StackResultView], postdeploys: list[PostdeployView]) -> RolloutView:
    return RolloutView(
        **{name: row._mapping[name] for name in _TOLD},
        id=row.rollout,
        release_tasks=[ReleaseTaskView(**task) for task in orjson.loads(row.release_tasks)],
        stacks=stacks,
        postdeploys=postdeploys,
        retag=RetagView(**orjson.loads(row.retag)) if row.retag is not None else None,
    )
