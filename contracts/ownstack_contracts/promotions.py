"""Promotions: the copy of one stage's release to the next stage."""

from __future__ import annotations

from ownstack_contracts.message import Command, Fact, Many
from ownstack_contracts.names import AppName, Code, CommandId, Identifier, Number, PinnedImage, Text
from ownstack_contracts.rollouts import PostdeployOutcome, StackResult, Stacks


class PromotionRequested(Command):
    """Release what `app` runs on the next stage of its pipeline: its current release, or `release`."""

    app: AppName
    release: Number | None = None
    stacks: Stacks | None = None
    redeploy: bool = False


class PromotionCancelRequested(Command):
    """Start no further stack of `promotion`; what has begun is finished."""

    promotion: CommandId


class PromotionBegun(Fact):
    """A promotion begins with a look at its source: at what is live on each of the stacks `looked_at`.

    source_release: the release that is known to be live there; None: there is none yet. stacks: where to promote to.
    """

    promotion: Identifier
    source: AppName
    source_release: Number | None = None
    looked_at: Stacks
    target: AppName
    target_app_id: Identifier
    stacks: Stacks
    redeploy: bool
    requester: str


class PromotionOpened(Fact):
    """What is promoted, from where to where, by whom: recorded for good."""

    promotion: Identifier
    source: AppName
    source_release: Number
    target: AppName
    target_app_id: Identifier
    image: PinnedImage
    config_fingerprint: str
    stacks: Stacks
    redeploy: bool
    requester: str


class PromotionEnd(Fact):
    """How a promotion ended, with what became of each stack. It stays so, whatever is retried later."""

    promotion: Identifier
    source: AppName
    target: AppName
    release: Number | None = None
    results: Many[StackResult] = ()
    postdeploy: PostdeployOutcome | None = None
    code: Code | None = None
    message: Text | None = None


class PromotionSucceeded(PromotionEnd):
    """Every stack holds the release."""


class PromotionPartiallySucceeded(PromotionEnd):
    """Some stacks hold the release, or all do but the post-deploy script failed or its outcome is unknown."""


class PromotionFailed(PromotionEnd):
    """No stack took the release."""


class PromotionCancelled(PromotionEnd):
    """It was cancelled before every stack had begun."""


class PromotionSuperseded(PromotionEnd):
    """It waited, and a newer one took its place."""

    superseded_by: Identifier
