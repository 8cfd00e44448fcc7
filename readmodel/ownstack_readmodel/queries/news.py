"""What is new of apps: the deployment that looks for its image, and the latest if it failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import Any, NamedTuple

from sqlalchemy import Connection, Label, Row, ScalarSelect, Select, func, select

from ownstack_readmodel.queries.attempts import LATEST
from ownstack_readmodel.tables import APPS, ATTEMPTS, DEPLOYMENTS, POSTDEPLOYS, ROLLOUTS
from ownstack_readmodel.views import LastFailureView, ResolvingView

_R, _A = ROLLOUTS.c, APPS.c
_D, _T, _P = DEPLOYMENTS.c, ATTEMPTS.c, POSTDEPLOYS.c
_UNCOUNTED = ("cancelled", "superseded")
_FAILED = ("failed", "partially-succeeded")
_STACK_FAILED = ("failed", "expired", "skipped", "cancelled")
_SCRIPT_FAILED = ("failed", "unknown")


def _latest(rollouts: Select[tuple[Any]]) -> ScalarSelect[Any]:
    return rollouts.order_by(_R.opened.desc()).limit(1).correlate(APPS).scalar_subquery()


_COUNTED = select(_R.rollout).where(
    _R.team == _A.team, _R.app == _A.app, _R.app_id == _A.app_id, _R.status.not_in(_UNCOUNTED)
)
# Few are in this status. An index by app leads over all that the app has ever had, so it is kept from being used.
_RESOLVING = select(_R.rollout).where(
    _R.team == _A.team, _R.kind == "deploy", _R.status == "resolving", _R.app + "" == _A.app, _R.app_id == _A.app_id
)

NEWS: tuple[Label[Any], Label[Any]] = (_latest(_COUNTED).label("latest"), _latest(_RESOLVING).label("resolving"))
"""Columns beside those of APPS, for `news_of`: ids of rollouts."""


_STACKS_FAILED = (
    select(_D.team, _D.rollout)
    .join(ATTEMPTS, LATEST, isouter=True)
    .where(func.coalesce(_T.state, _D.state).in_(_STACK_FAILED))
)
_LATER = POSTDEPLOYS.alias("later")
_REPEATED = (
    select(_LATER.c.attempt)
    .where(
        _LATER.c.team == _P.team,
        _LATER.c.rollout == _P.rollout,
        _LATER.c.stack == _P.stack,
        _LATER.c.attempt > _P.attempt,
    )
    .exists()
)
_SCRIPTS_FAILED = select(_P.team, _P.rollout).where(_P.state.in_(_SCRIPT_FAILED), ~_REPEATED)


class News(NamedTuple):
    """Of apps, by name."""

    resolving: Mapping[str, ResolvingView]
    failures: Mapping[str, LastFailureView]


def news_of(connection: Connection, team: str, apps: Sequence[Row[Any]]) -> News:
    """What is new of these apps, whose rows have NEWS."""
    latest = {row.latest for row in apps if row.latest is not None}
    resolving = {row.resolving for row in apps if row.resolving is not None}
    found = connection.execute(select(ROLLOUTS).where(_R.team == team, _R.rollout.in_(latest | resolving))).all()
    failed = [row for row in found if row.rollout in latest and row.status in _FAILED]
    mended = _mended(connection, team, {row.rollout for row in failed if row.started_at is not None})
    return News(
        {row.app: _resolving(row) for row in found if row.rollout in resolving},
        {row.app: _failure(row) for row in failed if row.rollout not in mended},
    )


def _mended(connection: Connection, team: str, started: Set[str]) -> Set[str]:
    """Those of the rollouts of which nothing stands that failed: it was retried since, or is now."""
    stacks = _STACKS_FAILED.where(_D.team == team, _D.rollout.in_(started))
    scripts = _SCRIPTS_FAILED.where(_P.team == team, _P.rollout.in_(started))
    return started - {row.rollout for failing in (stacks, scripts) for row in connection.execute(failing)}


def _resolving(row: Row[Any]) -> ResolvingView:
    return ResolvingView(
        rollout=row.rollout,
        reference=row.reference,
        since=row.requested_at,
        waiting_for_image=row.waiting_for_image,
    )


def _failure(row: Row[Any]) -> LastFailureView:
    return LastFailureView(rollout=row.rollout, code=row.code, message=row.message, at=row.ended_at)
