"""Images: a tag is resolved to a digest before anything is deployed, and a promoted image is tagged for its app."""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints

from ownstack_contracts.message import Fact, Report
from ownstack_contracts.names import (
    AppName,
    Code,
    Identifier,
    ImageReference,
    Milliseconds,
    Number,
    PinnedImage,
    Repository,
    Text,
)

Tag = Annotated[str, StringConstraints(pattern=r"^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$")]
"""A tag, as the OCI distribution specification has it."""


class ImageJob(Fact):
    """Something to be done at a registry. Is not claimed: done twice, it comes to the same."""

    job: Identifier
    app: AppName
    app_id: Identifier
    rollout: Identifier
    waiting_until: Milliseconds


class ImageResolveRequested(ImageJob):
    """Find the digest that `reference` has now. If there is no such image, it is looked for until `missing_until`."""

    reference: ImageReference
    missing_until: Milliseconds


class ImageRetagRequested(ImageJob):
    """Give `image` the tag `tag` in its own repository, or in `repository` of the same registry."""

    release: Number
    image: PinnedImage
    tag: Tag
    repository: Repository | None = None


class ImageJobClosed(Fact):
    """Nobody waits for this image job any more: an image that is not there need not be looked for."""

    job: Identifier
    app: AppName


class ImageReport(Report):
    """What came of an image job."""

    job: Identifier
    app: AppName


class ImageResolved(ImageReport):
    """The reference means this image. What is reported first holds, wherever the tag moves."""

    image: PinnedImage


class ImageNotResolved(ImageReport):
    """The reference could not be resolved."""

    code: Code
    message: Text


class ImageAwaited(ImageReport):
    """There is no such image yet; it is looked for again, until `until`."""

    message: Text
    until: Milliseconds


class ImageRetagged(ImageReport):
    """The image has its tag; `image` is what it is called there."""

    image: PinnedImage


class ImageRetagSkipped(ImageReport):
    """The image has no new tag; it is released by its digest all the same."""

    code: Code
    message: Text
