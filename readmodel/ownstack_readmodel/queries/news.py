"""What is new of apps: the deployment that looks for its image, and the latest if it failed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Label, Row, ScalarSelect, Select, select

from ownstack_readmodel.tables import APPS, ROLLOUTS
from ownstack_readmodel.views import LastFailureView, ResolvingView

_R, _A = ROLLOUTS.c, APPS.c
_UNCOUNTED = ("cancelled", "superseded")
_FAILED = ("failed", "partially-succeeded")


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


class News(NamedTuple):
    """Of apps, by name."""

    resolving: Mapping[str, ResolvingView]
    failures: Mapping[str, LastFailureView]


def news_of(connection: Connection, team: str, apps: Sequence[Row[Any]]) -> News:
    """What is new of these apps, whose rows have NEWS."""
    latest = {row.latest for row in apps if row.latest is not None}
    resolving = {row.resolving for row in apps if row.resolving is not None}
    found = connection.execute(select(ROLLOUTS).where(_R.team == team, _R.rollout.in_(latest | resolving))).all()
    return News(
        {row.app: _resolving(row) for row in found if row.rollout in resolving},
        {row.app: _failure(row) for row in found if row.rollout in latest and row.status in _FAILED},
    )


def _resolving(row: Row[Any]) -> ResolvingView:
    return ResolvingView(
        rollout=row.rollout,
        reference=row.reference,
        since=row.requested_at,
        waiting_for_image=row.waiting_for_image,
    )


def _failure(row: Row[Any]) -> LastFailureView:
    return LastFailureView(rollout=row.rollout, code=row.code, message=row.message, at=row.ended_at)
