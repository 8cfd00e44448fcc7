"""The history itself as rows: each fact with the apps that it is about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ownstack_contracts.message import Message
from ownstack_contracts.pipelines import PipelineCreated, PipelineRemoved, StageRemoved, StagingAdded
from ownstack_contracts.promotions import PromotionBegun, PromotionCancelRequested, PromotionEnd, PromotionOpened
from ownstack_contracts.rejections import CommandRejected
from ownstack_contracts.reviews import (
    AppCloned,
    ReviewAppClosed,
    ReviewAppExpired,
    ReviewAppOpened,
    ReviewAppsDisabled,
    ReviewAppsEnabled,
    ReviewAppUpdated,
    review_app,
)
from ownstack_projections.facts import Fact
from ownstack_projections.tables import Rows

Apps = tuple[str | None, str | None]
"""The app that a fact is about, and the second one if there are two."""


def keep(rows: Rows, fact: Fact) -> None:
    """Add a fact to the history."""
    stamp, message = fact.stamp, fact.message
    app, other = _apps_of(rows, stamp.team, message)
    rows.history.append(
        (stamp.team, stamp.sequence, type(message).__name__, app, other, stamp.at, stamp.actor, fact.record)
    )


def _apps_of(rows: Rows, team: str, message: Message) -> Apps:
    if (special := _SPECIAL.get(type(message))) is not None:
        return special(message)
    if (app := getattr(message, "app", None)) is not None:
        return app, None
    if isinstance(message, PromotionCancelRequested):
        rollout = rows.rollouts.find(team, message.promotion)
        return (rollout.app, rollout.source) if rollout else (None, None)
    return _of_promotion(message) if isinstance(message, PromotionEnd) else (None, None)


def _of_promotion(message: Any) -> Apps:
    return message.target, message.source


def _of_pipeline(message: Any) -> Apps:
    return message.production, None


def _of_staging(message: Any) -> Apps:
    return message.production, message.staging


def _of_stage(message: Any) -> Apps:
    return message.production, message.stage


def _of_clone(message: AppCloned) -> Apps:
    return message.app, message.source


def _of_pull_request(message: ReviewAppOpened | ReviewAppClosed) -> Apps:
    return review_app(message.production, message.number), message.production


def _of_review_app(message: ReviewAppUpdated | ReviewAppExpired) -> Apps:
    return message.app, message.production


def _of_rejection(message: CommandRejected) -> Apps:
    """What the command named, if it named apps."""
    named = message.data or {}
    first = named.get("app", named.get("production"))
    second = next((named[key] for key in ("staging", "stage", "source") if key in named), None)
    return _name(first), _name(second)


def _name(value: Any) -> str | None:
    return value if isinstance(value, str) and len(value) <= 63 else None


_SPECIAL: Mapping[type[Message], Callable[[Any], Apps]] = {
    PromotionBegun: _of_promotion,
    PromotionOpened: _of_promotion,
    PipelineCreated: _of_pipeline,
    PipelineRemoved: _of_pipeline,
    StagingAdded: _of_staging,
    StageRemoved: _of_stage,
    ReviewAppsEnabled: _of_pipeline,
    ReviewAppsDisabled: _of_pipeline,
    AppCloned: _of_clone,
    ReviewAppOpened: _of_pull_request,
    ReviewAppClosed: _of_pull_request,
    ReviewAppUpdated: _of_review_app,
    ReviewAppExpired: _of_review_app,
    CommandRejected: _of_rejection,
}
