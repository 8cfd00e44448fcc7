"""Image jobs: what a registry is asked before stacks are. A rollout has one at most."""

from __future__ import annotations

from collections.abc import Iterator

from ownstack_contracts.images import ImageJobClosed, ImageResolveRequested, ImageRetagRequested, ImageRetagSkipped
from ownstack_promoter.dispatch import Moment
from ownstack_promoter.model import App
from ownstack_promoter.underway import Resolving, Rollout

PATIENCE = 60_000
"""How long an image job waits for its answer, in ms, beside the time that an image may be missing."""


def resolve(resolving: Resolving, moment: Moment, *, missing: int) -> ImageResolveRequested:
    """Ask for the digest of a tag. missing: for how long the image may not be there yet, in ms."""
    return ImageResolveRequested(
        job=f"{resolving.id}#image",
        app=resolving.app,
        app_id=resolving.app_id,
        rollout=resolving.id,
        reference=resolving.reference,
        missing_until=moment.now + missing,
        waiting_until=moment.now + missing + PATIENCE,
    )


def retag(rollout: Rollout, app: App, release: int, moment: Moment) -> ImageRetagRequested:
    """Ask for the tag of a release: `<app>-v<N>`."""
    return ImageRetagRequested(
        job=f"{rollout.id}#image",
        app=app.name,
        app_id=app.id,
        rollout=rollout.id,
        release=release,
        image=rollout.pinned,
        tag=f"{app.name}-v{release}",
        repository=app.settings.retag_to or None,
        waiting_until=moment.now + PATIENCE,
    )


def unanswered_retag(request: ImageRetagRequested) -> ImageRetagSkipped:
    """What the owner of the partition says when no deployer does."""
    return ImageRetagSkipped(
        job=request.job,
        app=request.app,
        code="no-deployer",
        message=f"No deployer has tagged the image within {PATIENCE // 1_000} s.",
    )


def given_up(waiting: Resolving) -> Iterator[ImageJobClosed]:
    """Nobody waits for its image any more: it need not be looked for."""
    if waiting.job is not None:
        yield ImageJobClosed(job=waiting.job, app=waiting.app)
