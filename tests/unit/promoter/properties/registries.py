"""Simulated registries: they resolve tags and give new ones, in time, late, twice, untruly, or never."""

from __future__ import annotations

from typing import Literal

from tests.unit.promoter.properties.world import World

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

Answer = Literal["good", "bad", "awaited", "other", "odd"]
"""other: a tag on another image. odd: an answer of another kind."""

ANSWERS: tuple[Answer, ...] = ("good", "good", "bad", "awaited", "other", "other", "odd")


def answer(job: ImageJob, kind: Answer, image: str) -> ImageReport:
    """What a deployer says of an image job; `image`: what a tag is found to mean, or may be on by mistake."""
    about = {"job": job.job, "app": job.app}
    resolves = isinstance(job, ImageResolveRequested)
    if kind == "awaited":
        return ImageAwaited(**about, message="It is not there yet.", until=job.waiting_until)
    if kind == "bad":
        failed = ImageNotResolved if resolves else ImageRetagSkipped
        return failed(**about, code="no-credentials", message="There are none.")
    if resolves != (kind == "odd"):
        return ImageResolved(**about, image=image)
    tagged = job.image if isinstance(job, ImageRetagRequested) and kind == "good" else image
    return ImageRetagged(**about, image=tagged.replace("@", ":tagged@"))


def answer_all(world: World, image: str) -> None:
    """Whatever registries are asked is done."""
    for job in list(world.team.image_jobs.values()):
        world.report(answer(job, "good", image))
