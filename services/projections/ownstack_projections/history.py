"""The history itself as rows: each fact with the apps that it is about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ownstack_contracts.message import Message
from ownstack_contracts.pipelines import PipelineCreated, PipelineRemoved, StageRemoved, StagingAdded
from ownstack_contracts.promotions import PromotionBegun, PromotionCancelRequested, PromotionEnd, PromotionOpened
from ownstack_contracts.rejections import CommandRejected
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
    if (app := getattr(message, "app", None)) is not None:
        return app, None
    if isinstance(message, PromotionCancelRequested):
        rollout = rows.rollouts.find(team, message.promotion)
        return (rollout.app, rollout.source) if rollout else (None, None)
    special = _SPECIAL.get(type(message))
    if special is None and isinstance(message, PromotionEnd):
        special = _of_promotion
    return special(message) if special is not None else (None, None)


def _of_promotion(message: Any) -> Apps:
    return message.target, message.source


def _of_pipeline(message: Any) -> Apps:
    return message.production, None


def _of_staging(message: Any) -> Apps:
    return message.production, message.staging


def _of_stage(message: Any) -> Apps:
    return message.production, message.stage


def _of_rejection(message: CommandRejected) -> Apps:
    """What the command named, if it named apps."""
    named = message.data or {}
    first, second = named.get("app", named.get("production")), named.get("staging", named.get("stage"))
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
    CommandRejected: _of_rejection,
}
