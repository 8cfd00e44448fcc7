"""Review apps: of each which pull request it is for, and until when it lives."""

from __future__ import annotations

from ownstack_contracts.reviews import ReviewAppClosed, ReviewAppExpired, ReviewAppUpdated, review_app
from ownstack_projections.dispatch import projects
from ownstack_projections.facts import Stamp
from ownstack_projections.tables import Rows


@projects(ReviewAppUpdated)
def review_app_updated(rows: Rows, fact: ReviewAppUpdated, stamp: Stamp) -> None:
    rows.apps.edit(stamp.team, fact.app).review = {
        "production": fact.production,
        "number": fact.number,
        "sha": fact.sha,
        "expires_at": fact.expires_at,
        "closing": False,
    }


@projects(ReviewAppClosed)
def review_app_closed(rows: Rows, fact: ReviewAppClosed, stamp: Stamp) -> None:
    _closes(rows, stamp.team, review_app(fact.production, fact.number))


@projects(ReviewAppExpired)
def review_app_expired(rows: Rows, fact: ReviewAppExpired, stamp: Stamp) -> None:
    _closes(rows, stamp.team, fact.app)


def _closes(rows: Rows, team: str, name: str) -> None:
    """It goes as soon as nothing of it is under way, which a fact of its own says; it may be gone already."""
    app = rows.apps.find(team, name)
    if app is not None and app.review is not None:
        rows.apps.edit(team, name).review = app.review | {"closing": True}
