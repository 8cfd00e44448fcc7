"""Rollouts: opened, queued, started, ended."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

from ownstack_contracts.names import digest_of
from ownstack_contracts.promotions import (
    PromotionBegun,
    PromotionCancelled,
    PromotionEnd,
    PromotionFailed,
    PromotionOpened,
    PromotionPartiallySucceeded,
    PromotionSucceeded,
    PromotionSuperseded,
)
from ownstack_contracts.rollouts import (
    DeployCancelled,
    DeployEnd,
    DeployFailed,
    DeployOpened,
    DeployPartiallySucceeded,
    DeploySucceeded,
    DeploySuperseded,
    RolloutQueued,
    RolloutStarted,
)
from ownstack_projections.commands import opens
from ownstack_projections.dispatch import projects
from ownstack_projections.facts import Stamp
from ownstack_projections.progress import rest_if_done, started
from ownstack_projections.rows import DeploymentRow, RolloutRow
from ownstack_projections.tables import Rows

_STATUS_OF: MappingProxyType[type[PromotionEnd] | type[DeployEnd], str] = MappingProxyType(
    {
        PromotionSucceeded: "succeeded",
        DeploySucceeded: "succeeded",
        PromotionPartiallySucceeded: "partially-succeeded",
        DeployPartiallySucceeded: "partially-succeeded",
        PromotionFailed: "failed",
        DeployFailed: "failed",
        PromotionCancelled: "cancelled",
        DeployCancelled: "cancelled",
        PromotionSuperseded: "superseded",
        DeploySuperseded: "superseded",
    }
)


@projects(DeployOpened)
def deploy_opened(rows: Rows, fact: DeployOpened, stamp: Stamp) -> None:
    about = {"kind": "deploy", "rollout": fact.rollout, "app": fact.app, "app_id": fact.app_id}
    tasks = [task.model_dump() for task in fact.release_tasks]
    rolled_back = {"rolled_back_to": fact.rolled_back_to, "release_tasks": tasks}
    _open(rows, stamp, fact, fact.image, **about, **rolled_back, source=None, source_release=None)


@projects(PromotionBegun)
def promotion_begun(rows: Rows, fact: PromotionBegun, stamp: Stamp) -> None:
    """It looks at its source first: what it promotes is not known yet."""
    _open(rows, stamp, fact, None, **_of_promotion(fact))


@projects(PromotionOpened)
def promotion_opened(rows: Rows, fact: PromotionOpened, stamp: Stamp) -> None:
    """One that has looked is there already. What is promoted is what the source is meant to run from now on."""
    for key in rows.app_stacks.keys_where(team=stamp.team, app=fact.source):
        held = rows.app_stacks.find(*key)
        if held is not None and held.digest == digest_of(fact.image):
            held = rows.app_stacks.edit(*key)
            held.released, held.released_digest = fact.source_release, held.digest
    if rows.rollouts.find(stamp.team, fact.promotion) is None:
        _open(rows, stamp, fact, fact.image, **_of_promotion(fact))
        return
    rollout = rows.rollouts.edit(stamp.team, fact.promotion)
    rollout.status, rollout.image, rollout.digest = "queued", fact.image, digest_of(fact.image)
    rollout.source_release, rollout.stacks = fact.source_release, list(fact.stacks)


def _of_promotion(fact: PromotionBegun | PromotionOpened) -> dict[str, Any]:
    return {
        "kind": "promotion",
        "rollout": fact.promotion,
        "app": fact.target,
        "app_id": fact.target_app_id,
        "source": fact.source,
        "source_release": fact.source_release,
    }


def _open(
    rows: Rows, stamp: Stamp, fact: DeployOpened | PromotionBegun | PromotionOpened, image: str | None, **about: Any
) -> None:
    """Until it turns out otherwise it is queued; the fact that says so comes in the same decision. Without an image it
    looks for one."""
    rollout = RolloutRow(
        team=stamp.team,
        opened=stamp.sequence,
        status="queued" if image is not None else "looking",
        release=None,
        image=image,
        digest=digest_of(image) if image is not None else None,
        config_fingerprint=None,
        requester=fact.requester,
        redeploy=fact.redeploy,
        requested_at=stamp.at,
        started_at=None,
        ended_at=None,
        behind=None,
        superseded_by=None,
        code=None,
        message=None,
        stacks=list(fact.stacks),
        results=None,
        **about,
    )
    rows.rollouts.put(rollout)
    opens(rows, stamp, rollout.rollout)


@projects(RolloutQueued)
def rollout_queued(rows: Rows, fact: RolloutQueued, stamp: Stamp) -> None:
    rows.rollouts.edit(stamp.team, fact.rollout).behind = fact.behind
    rows.apps.edit(stamp.team, fact.app).queue.append(fact.rollout)


@projects(RolloutStarted)
def rollout_started(rows: Rows, fact: RolloutStarted, stamp: Stamp) -> None:
    rollout = rows.rollouts.edit(stamp.team, fact.rollout)
    rollout.status, rollout.started_at = "running", stamp.at
    rollout.release, rollout.config_fingerprint = fact.release, fact.config_fingerprint
    app = rows.apps.edit(stamp.team, fact.app)
    app.rollout = fact.rollout
    if fact.rollout in app.queue:
        app.queue.remove(fact.rollout)
    started(rows, stamp.team, fact.rollout, len(fact.stacks))
    for place, stack in enumerate(fact.stacks):
        rows.deployments.put(
            DeploymentRow(stamp.team, fact.rollout, stack, fact.app, fact.app_id, stamp.sequence, place, fact.release)
        )


def _promotion_ended(rows: Rows, fact: PromotionEnd, stamp: Stamp) -> None:
    _end(rows, fact, stamp, fact.promotion)


def _deploy_ended(rows: Rows, fact: DeployEnd, stamp: Stamp) -> None:
    _end(rows, fact, stamp, fact.rollout)


def _end(rows: Rows, fact: PromotionEnd | DeployEnd, stamp: Stamp, name: str) -> None:
    rollout = rows.rollouts.edit(stamp.team, name)
    rollout.status, rollout.ended_at = _STATUS_OF[type(fact)], stamp.at
    rollout.code, rollout.message = fact.code, fact.message
    rollout.results = [result.model_dump(exclude_none=True) for result in fact.results]
    if isinstance(fact, PromotionSuperseded | DeploySuperseded):
        rollout.superseded_by = fact.superseded_by
    app = rows.apps.find(stamp.team, rollout.app)
    if app is not None and name in app.queue:
        rows.apps.edit(stamp.team, rollout.app).queue.remove(name)
    rest_if_done(rows, stamp.team, name)


for _type in _STATUS_OF:
    if issubclass(_type, PromotionEnd):
        projects(_type)(_promotion_ended)
    else:
        projects(_type)(_deploy_ended)
