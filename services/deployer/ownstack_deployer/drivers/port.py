"""The driver port: what a driver of stacks is asked to do, and what it promises."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Literal, Protocol

from ownstack_contracts.jobs import Live, PostdeployRequested, StackDeployRequested, StackJob

Phase = Literal["look", "release-task", "restart", "post-deploy", "remove"]


class PhaseFailed(Exception):
    """A phase did not come about. `code` is stable; `message` says what was wrong and what to do."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message[:2_000]


@dataclass(frozen=True, slots=True)
class Job:
    """What a run was granted: all that a driver needs.

    run: the id of the run. until: when the phase under way is stopped at the latest, in seconds of `clock.now`.
    """

    team: str
    request: StackJob
    run: str
    until: float

    @property
    def place(self) -> str:
        """The app on the stack: what is locked. Of all teams, since they may share a stack."""
        return f"{self.team}/{self.request.app}@{self.request.stack}"

    @property
    def released(self) -> StackDeployRequested | PostdeployRequested | None:
        """The request, if it is about a release of the app; a look or a removal is not."""
        request = self.request
        return request if isinstance(request, StackDeployRequested | PostdeployRequested) else None


class Log(Protocol):
    """Where the output of a phase goes."""

    async def write(self, lines: Sequence[str]) -> None:
        """Keep these lines. Waits while too many have not been stored yet."""


class Place(Protocol):
    """An app on a stack, locked on the stack's side for one run. Every operation raises PhaseFailed, and nothing else
    that the world can bring about; it has ended when `job.until` has passed, by force if need be. When an operation
    is cancelled, a look stops at once; anything else goes on by itself, and keeps the lock until it ends."""

    async def look(self, log: Log, until: float) -> Live | None:
        """What is live; None: nothing of this app is there. Changes nothing. It ends by `until`, not by `job.until`."""

    async def release_task(self, log: Log) -> None:
        """Run the release task of the image. What serves goes on serving."""

    async def restart(self, log: Log) -> None:
        """Start the image, check its health, turn the traffic. From then on `look` shows this deployment."""

    async def post_deploy(self, log: Log) -> None:
        """Run the post-deploy script of the image that is live."""

    async def remove(self, log: Log) -> None:
        """Remove the app from the stack. From then on `look` shows nothing."""


class Driver(Protocol):
    """Drives one kind of stack."""

    @property
    def slots(self) -> asyncio.Semaphore | None:
        """How many jobs it works on at once; a job is claimed when it has its slot. None: there is no bound."""

    def is_instant(self, request: StackJob) -> bool:
        """Whether no operation of this job leaves anything behind in the world or takes any time, so that nothing
        needs to be recorded before the next begins."""

    def hold(self, job: Job) -> AbstractAsyncContextManager[Place]:
        """Take the stack-side lock of the app, waiting until `job.until` for an earlier run to let go of it.

        Entering raises PhaseFailed if it can't be had.
        """


Drivers = Mapping[str, Driver]
"""By the name that a stack gives as its driver."""
