"""Image jobs: tags resolved to digests, and tags given. Nothing is claimed for them: done twice, it is the same."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol
from weakref import WeakValueDictionary

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
from ownstack_deployer.registry.places import place_of
from ownstack_deployer.registry.trouble import PASSING, Trouble

logger = logging.getLogger(__name__)

MOST_AT_ONCE = 4
"""Image jobs that talk to one registry at once. One that does not answer holds up nobody who asks another."""
FIRST_PAUSE, LAST_PAUSE, GROWTH = 2.0, 20.0, 1.5
"""Seconds between two looks for an image that is not there yet."""
FAILED = "The deployer failed at this: see its log."

Say = Callable[[ImageReport], Awaitable[object]]
Rest = Callable[[float], Awaitable[object]]
"""Waits for so many seconds; raises when the job is another deployer's meanwhile."""


class Registries(Protocol):
    """What is asked of registries."""

    async def resolve(self, reference: str) -> str | None:
        """The image that this means now, by its digest; None: there is none. Raises Trouble."""

    async def retag(self, image: str, tag: str, repository: str | None = None) -> str:
        """Give an image a tag; what it is called then. Raises Trouble."""


@dataclass(frozen=True, slots=True)
class ImageJobs:
    """Does image jobs. `date` counts seconds since the epoch."""

    registries: Registries
    date: Callable[[], float] = time.time
    _places: WeakValueDictionary[str, asyncio.Semaphore] = field(default_factory=WeakValueDictionary)
    """By the host of the registry."""

    async def do(self, job: ImageJob, asked: int, say: Say, rest: Rest) -> None:
        """Do it, and say what came of it. asked: when it was asked for, in ms since the epoch.

        Not done, and nothing is said, once nobody waits for it any more.
        """
        if isinstance(job, ImageResolveRequested):
            await _Resolving(self, job, asked, say, rest).until_found()
        elif isinstance(job, ImageRetagRequested):
            await self._retag(job, say)

    def place_at(self, reference: str) -> asyncio.Semaphore:
        """Where one who asks the registry of this image waits for its turn."""
        return self._places.setdefault(place_of(reference).host, asyncio.Semaphore(MOST_AT_ONCE))

    async def _retag(self, job: ImageRetagRequested, say: Say) -> None:
        async with self.place_at(job.image):
            if self.is_late(job):
                return
            answer = await self._retagged(job)
        await say(answer)

    async def _retagged(self, job: ImageRetagRequested) -> ImageReport:
        try:
            image = await self.registries.retag(job.image, job.tag, job.repository)
            return ImageRetagged(job=job.job, app=job.app, image=image)
        except Trouble as met:
            return ImageRetagSkipped(job=job.job, app=job.app, code=met.code, message=met.message)
        except Exception:
            # Whatever is wrong in us, the rollout goes on, and whoever waits is told.
            logger.exception("%s could not be tagged for %s", job.image, job.app)
            return ImageRetagSkipped(job=job.job, app=job.app, code="deployer-error", message=FAILED)

    def is_late(self, job: ImageJob) -> bool:
        """Whether nobody waits for it any more."""
        late = self.date() * 1_000 >= job.waiting_until
        if late:
            logger.info("%s of %s is not done: it has waited for too long", job.type_name(), job.app)
        return late


@dataclass(slots=True)
class _Resolving:
    """The search for one image, which may not have been pushed yet."""

    jobs: ImageJobs
    job: ImageResolveRequested
    asked: int
    say: Say
    rest: Rest
    awaited: bool = False

    async def until_found(self) -> None:
        pause = FIRST_PAUSE
        while True:
            async with self.jobs.place_at(self.job.reference):  # not held while it waits: others have something to do
                if self.jobs.is_late(self.job):
                    return
                answer = await self._looked()
            if answer is not None:
                await self.say(answer)
                return
            await self.rest(min(pause, max(self._left(), 0.1)))
            pause = min(pause * GROWTH, LAST_PAUSE)

    async def _looked(self) -> ImageReport | None:
        """What came of one look; None: another one is due."""
        job = self.job
        try:
            image = await self.jobs.registries.resolve(job.reference)
        except Trouble as met:
            if met.code in PASSING and self._left() > 0:
                logger.info("%s is looked for again: %s", job.reference, met.message)
                return None
            return self._not(met.code, met.message)
        except Exception:
            # Whatever is wrong in us, whoever waits is told.
            logger.exception("%s could not be resolved", job.reference)
            return self._not("deployer-error", FAILED)
        if image is not None:
            return ImageResolved(job=job.job, app=job.app, image=image)
        return await self._missing()

    async def _missing(self) -> ImageReport | None:
        job, place = self.job, place_of(self.job.reference)
        if self._left() <= 0:
            waited = self.jobs.date() - self.asked / 1_000
            since = f", and had none for {_spoken(waited)}" if self.awaited or waited >= FIRST_PAUSE else ""
            return self._not("image-missing", f"{place.host} has no {place.path}{since}. Push it, and deploy it again.")
        if not self.awaited:
            self.awaited = True
            message = f"{place.host} has no {place.path} yet."
            await self.say(ImageAwaited(job=job.job, app=job.app, message=message, until=job.missing_until))
        return None

    def _not(self, code: str, message: str) -> ImageNotResolved:
        return ImageNotResolved(job=self.job.job, app=self.job.app, code=code, message=message)

    def _left(self) -> float:
        return self.job.missing_until / 1_000 - self.jobs.date()


def _spoken(seconds: float) -> str:
    if seconds < 120:
        return f"{max(seconds, 1):.0f} s"
    return f"{seconds / 60:.0f} minutes"
