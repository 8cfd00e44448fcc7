"""Rollouts: begun with a look for what they bring, opened, queued, started, ended."""

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
    DeployBegun,
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
from ownstack_projections.images import forget_image_job
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


@projects(DeployBegun)
def deploy_begun(rows: Rows, fact: DeployBegun, stamp: Stamp) -> None:
    """It has to find its image first."""
    _open(rows, stamp, fact, "resolving", **_of_deploy(fact)).reference = fact.reference


@projects(DeployOpened)
def deploy_opened(rows: Rows, fact: DeployOpened, stamp: Stamp) -> None:
    """One that has looked for its image is there already; a change of config has none before it starts."""
    if rows.rollouts.find(stamp.team, fact.rollout) is None:
        _open(rows, stamp, fact, "queued", **_of_deploy(fact))
    rollout = rows.rollouts.edit(stamp.team, fact.rollout)
    rollout.status, rollout.stacks, rollout.config_change = "queued", list(fact.stacks), fact.config_change
    rollout.rolled_back_to = fact.rolled_back_to
    rollout.release_tasks = [task.model_dump() for task in fact.release_tasks]
    if fact.image is not None:
        _bring(rollout, fact.image)


def _of_deploy(fact: DeployBegun | DeployOpened) -> dict[str, Any]:
    return {
        "kind": "deploy",
        "rollout": fact.rollout,
        "app": fact.app,
        "app_id": fact.app_id,
        "source": None,
        "source_release": None,
    }


def _bring(rollout: RolloutRow, image: str) -> None:
    """It is known what the rollout brings."""
    rollout.image, rollout.digest = image, digest_of(image)


@projects(PromotionBegun)
def promotion_begun(rows: Rows, fact: PromotionBegun, stamp: Stamp) -> None:
    """It looks at its source first: what it promotes is not known yet."""
    _open(rows, stamp, fact, "looking", **_of_promotion(fact))


@projects(PromotionOpened)
def promotion_opened(rows: Rows, fact: PromotionOpened, stamp: Stamp) -> None:
    """One that has looked is there already. What is promoted is what the source is meant to run from now on."""
    for key in rows.app_stacks.keys_where(team=stamp.team, app=fact.source):
        held = rows.app_stacks.find(*key)
        if held is not None and held.digest == digest_of(fact.image):
            held = rows.app_stacks.edit(*key)
            held.released, held.released_digest = fact.source_release, held.digest
    if rows.rollouts.find(stamp.team, fact.promotion) is None:
        _open(rows, stamp, fact, "queued", **_of_promotion(fact))
    rollout = rows.rollouts.edit(stamp.team, fact.promotion)
    rollout.status, rollout.source_release, rollout.stacks = "queued", fact.source_release, list(fact.stacks)
    _bring(rollout, fact.image)


def _of_promotion(fact: PromotionBegun | PromotionOpened) -> dict[str, Any]:
    return {
        "kind": "promotion",
        "rollout": fact.promotion,
        "app": fact.target,
        "app_id": fact.target_app_id,
        "source": fact.source,
        "source_release": fact.source_release,
    }


_Opening = DeployBegun | DeployOpened | PromotionBegun | PromotionOpened


def _open(rows: Rows, stamp: Stamp, fact: _Opening, status: str, **about: Any) -> RolloutRow:
    """One that is opened is queued until it turns out otherwise; the fact that says so comes in the same decision."""
    rollout = RolloutRow(
        team=stamp.team,
        opened=stamp.sequence,
        status=status,
        release=None,
        image=None,
        digest=None,
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
    return rollout


@projects(RolloutQueued)
def rollout_queued(rows: Rows, fact: RolloutQueued, stamp: Stamp) -> None:
    rows.rollouts.edit(stamp.team, fact.rollout).behind = fact.behind
    rows.apps.edit(stamp.team, fact.app).queue.append(fact.rollout)


@projects(RolloutStarted)
def rollout_started(rows: Rows, fact: RolloutStarted, stamp: Stamp) -> None:
    rollout = rows.rollouts.edit(stamp.team, fact.rollout)
    rollout.status, rollout.started_at = "running", stamp.at
    rollout.release, rollout.config_fingerprint = fact.release, fact.config_fingerprint
    _bring(rollout, fact.image)
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
    forget_image_job(rows, rollout)
    app = rows.apps.find(stamp.team, rollout.app)
    if app is not None and name in app.queue:
        rows.apps.edit(stamp.team, rollout.app).queue.remove(name)
    rest_if_done(rows, stamp.team, name)


for _type in _STATUS_OF:
    if issubclass(_type, PromotionEnd):
        projects(_type)(_promotion_ended)
    else:
        projects(_type)(_deploy_ended)
