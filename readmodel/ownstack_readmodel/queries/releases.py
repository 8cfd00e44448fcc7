"""Releases of an app, with the stacks that hold them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, select

from ownstack_readmodel.paging import cursor_of, cut, number_in
from ownstack_readmodel.queries.apps import row_of
from ownstack_readmodel.queries.contents import image_of, release_held, releases_of
from ownstack_readmodel.queries.rollouts import rollout
from ownstack_readmodel.tables import APP_STACKS, RELEASES
from ownstack_readmodel.views import Page, ReleaseDetailView, ReleaseView

_R = RELEASES.c


def releases(
    connection: Connection, team: str, app: str, limit: int, cursor: str | None = None
) -> Page[ReleaseView] | None:
    """The releases of an app in its present creation, the latest first; None if there is no such app.

    Raises CursorInvalid.
    """
    of_app = row_of(connection, team, app)
    if of_app is None:
        return None
    query = select(RELEASES).where(_R.team == team, _R.app_id == of_app.app_id)
    if cursor is not None:
        query = query.where(_R.release < number_in(cursor))
    rows = connection.execute(query.order_by(_R.release.desc()).limit(limit + 1)).all()
    page, following = cut(rows, limit, lambda row: cursor_of(row.release))
    live = _live_on(connection, team, app)
    return Page(items=[ReleaseView(**_about(row, live)) for row in page], next=following)


def release(connection: Connection, team: str, app: str, number: int) -> ReleaseDetailView | None:
    """A release of an app in its present creation; None if there is no such app, or it has no such release."""
    of_app = row_of(connection, team, app)
    if of_app is None:
        return None
    query = select(RELEASES).where(_R.team == team, _R.app_id == of_app.app_id, _R.release == number)
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    by = rollout(connection, team, row.rollout) if row.rollout is not None else None
    return ReleaseDetailView(
        **_about(row, _live_on(connection, team, app)),
        deployments=by.stacks if by is not None else [],
        rolled_back_to=by.rolled_back_to if by is not None else None,
    )


def _about(row: Row[Any], live: dict[int, list[str]]) -> dict[str, Any]:
    return {
        "app": row.app,
        "number": row.release,
        "image": row.image,
        "digest": row.digest,
        "config_fingerprint": row.config_fingerprint,
        "origin": row.origin,
        "rollout": row.rollout,
        "source_app": row.source_app,
        "source_release": row.source_release,
        "created_at": row.created_at,
        "live_on": live.get(row.release, []),
    }


def _live_on(connection: Connection, team: str, app: str) -> dict[int, list[str]]:
    """Per release the stacks that hold it."""
    query = (
        select(APP_STACKS)
        .where(APP_STACKS.c.team == team, APP_STACKS.c.app == app, APP_STACKS.c.status == "live")
        .order_by(APP_STACKS.c.place)
    )
    rows = connection.execute(query).all()
    known = releases_of(connection, team, (image_of(row) for row in rows if row.release is None))
    found: dict[int, list[str]] = {}
    for row in rows:
        release = release_held(row, known)
        if release is not None:
            found.setdefault(release, []).append(row.stack)
    return found
