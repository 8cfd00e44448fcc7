"""What registries are asked for rollouts: which image a tag means, and to tag an image that is promoted."""

from __future__ import annotations

from ownstack_contracts.images import (
    ImageAwaited,
    ImageJob,
    ImageNotResolved,
    ImageReport,
    ImageResolved,
    ImageResolveRequested,
    ImageRetagged,
    ImageRetagRequested,
    ImageRetagSkipped,
)
from ownstack_projections.dispatch import projects
from ownstack_projections.facts import Stamp
from ownstack_projections.rows import ImageJobRow, RolloutRow
from ownstack_projections.tables import Rows


@projects(ImageResolveRequested)
def resolve_requested(rows: Rows, fact: ImageResolveRequested, stamp: Stamp) -> None:
    _ask(rows, fact, stamp)


@projects(ImageRetagRequested)
def retag_requested(rows: Rows, fact: ImageRetagRequested, stamp: Stamp) -> None:
    _ask(rows, fact, stamp).retag = {"tag": fact.tag}


def _ask(rows: Rows, fact: ImageJob, stamp: Stamp) -> RolloutRow:
    rows.image_jobs.put(ImageJobRow(stamp.team, fact.job, fact.rollout))
    rollout = rows.rollouts.edit(stamp.team, fact.rollout)
    rollout.image_job = fact.job
    return rollout


def _asking(rows: Rows, fact: ImageReport, stamp: Stamp) -> RolloutRow | None:
    """The rollout that was asked for, to be changed; None: it has ended, or there was an answer before."""
    job = rows.image_jobs.find(stamp.team, fact.job)
    return rows.rollouts.edit(stamp.team, job.rollout) if job is not None else None


def _answered(rows: Rows, fact: ImageReport, stamp: Stamp) -> RolloutRow | None:
    """The same; nobody waits for an answer any more."""
    rollout = _asking(rows, fact, stamp)
    if rollout is not None:
        forget_image_job(rows, rollout)
    return rollout


def forget_image_job(rows: Rows, rollout: RolloutRow) -> None:
    """Nobody waits for what a registry was asked for a rollout."""
    if rollout.image_job is not None:
        rows.image_jobs.delete(rollout.team, rollout.image_job)
    rollout.image_job = rollout.waiting_for_image = None


@projects(ImageAwaited)
def image_awaited(rows: Rows, fact: ImageAwaited, stamp: Stamp) -> None:
    if (rollout := _asking(rows, fact, stamp)) is not None:
        rollout.waiting_for_image = fact.message


@projects(ImageResolved)
def image_resolved(rows: Rows, fact: ImageResolved, stamp: Stamp) -> None:
    """Which image it is the opening of the rollout says."""
    _answered(rows, fact, stamp)


@projects(ImageNotResolved)
def image_not_resolved(rows: Rows, fact: ImageNotResolved, stamp: Stamp) -> None:
    """Why is said by the end of the rollout."""
    _answered(rows, fact, stamp)


@projects(ImageRetagged)
def image_retagged(rows: Rows, fact: ImageRetagged, stamp: Stamp) -> None:
    """It is the same image, which is called so from now on."""
    rollout = _answered(rows, fact, stamp)
    if rollout is None or rollout.retag is None:
        return
    rollout.image, rollout.retag = fact.image, rollout.retag | {"image": fact.image}
    if rollout.release is not None:
        rows.releases.edit(stamp.team, rollout.app_id, rollout.release).image = fact.image


@projects(ImageRetagSkipped)
def image_retag_skipped(rows: Rows, fact: ImageRetagSkipped, stamp: Stamp) -> None:
    rollout = _answered(rows, fact, stamp)
    if rollout is not None and rollout.retag is not None:
        rollout.retag = rollout.retag | {"code": fact.code, "message": fact.message}
