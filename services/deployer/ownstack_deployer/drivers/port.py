"""The driver port: what a driver of stacks is asked to do, and what it promises."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Literal, Protocol

from ownstack_contracts.jobs import Live, PostdeployRequested, StackCheckRequested, StackDeployRequested, StackJob
from ownstack_deployer.masking import NO_MASK, Mask

Phase = Literal["look", "release-task", "restart", "post-deploy", "remove", "run"]

MOST_MESSAGE = 2_000
"""Characters of the message of a failure."""


class PhaseFailed(Exception):
    """A phase did not come about. `code` is stable; `message` says what was wrong and what to do, `whole` uncut.

    began: False if it is sure that the release task had not begun. in_doubt: what serves may be another version now,
    though this phase should have left it as it was.
    """

    def __init__(self, code: str, message: str, *, began: bool = True, in_doubt: bool = False) -> None:
        super().__init__(message)
        self.code = code
        self.whole = message
        self.message = message[:MOST_MESSAGE]
        self.began = began
        self.in_doubt = in_doubt


@dataclass(frozen=True, slots=True)
class Job:
    """What a run was granted: all that a driver needs.

    run: the id of the run. until: when the phase under way is stopped at the latest, in seconds of `clock.now`.
    uncertain: an earlier run may have left something under way on the stack. config: the variables that the app is to
    have there, decrypted; they are nobody else's business. mask: hides them in what is told.
    """

    team: str
    request: StackJob
    run: str
    until: float
    uncertain: bool = False
    config: Mapping[str, str] = field(default_factory=dict, repr=False)
    mask: Mask = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "mask", Mask(self.config) if self.config else NO_MASK)

    @property
    def config_unset(self) -> Sequence[str]:
        """The variables that the app is not to have on the stack any more."""
        gone = self.request.config_unset if isinstance(self.request, StackDeployRequested) else ()
        return [name for name in gone if name not in self.config]

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
    that the world can bring about; it has ended when `job.until` has passed, by force if need be. Only what came of an
    operation whose outcome was lost may be found out later: with the look that follows a failed phase, all has ended
    within 60 s after `job.until`, and what a driver takes to let things settle on top (`Times.settle` of dokku). When
    an operation is cancelled, a look stops at once; anything else goes on by itself, and keeps the lock until it ends.
    """

    async def look(self, log: Log, until: float) -> Live | None:
        """What is live; None: nothing of this app is there. Changes nothing. It ends by `until`, not by `job.until`."""

    async def config_keys(self, until: float) -> Sequence[str] | None:
        """The names of the app's config variables, in order; None: it can't be told. Changes nothing."""

    async def release_task(self, log: Log) -> bool:
        """Run the release task of the image. What serves goes on serving. Returns whether the image has one."""

    async def restart(self, log: Log) -> bool:
        """Start the image, check its health, turn the traffic. From then on `look` shows this deployment.

        Returns whether the stack has also run the post-deploy script by itself.
        """

    async def post_deploy(self, log: Log) -> None:
        """Run the post-deploy script of the image that is live."""

    async def remove(self, log: Log) -> None:
        """Remove the app from the stack. From then on `look` shows nothing."""

    async def run(self, command: Sequence[str], log: Log) -> int:
        """Run a program with its arguments beside the app. Returns its exit code, 0 to 255."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check of a stack found; the fields are those of `StackChecked`."""

    code: str | None = None
    message: str = ""
    host_key: str | None = None
    fingerprint: str | None = None
    public_key: str | None = None


class Driver(Protocol):
    """Drives one kind of stack."""

    def slots(self, request: StackJob) -> asyncio.Semaphore | None:
        """How many jobs like this it works on at once; a job is claimed when it has its slot. None: no bound."""

    def is_instant(self, request: StackJob) -> bool:
        """Whether no operation of this job leaves anything behind in the world or takes any time, so that nothing
        needs to be recorded before the next begins."""

    def repeats_release_task(self, request: StackJob) -> bool:
        """Whether a deployment, begun anew, runs the release task anew, whatever an earlier run has done: then none is
        begun anew by itself once the task has begun."""

    def removes_again(self, request: StackJob) -> bool:
        """Whether removing what is gone is as good as removing it: then a removal is done again after a run that was
        lost, though nothing is live any more; something that does not run may be left."""

    def hold(self, job: Job) -> AbstractAsyncContextManager[Place]:
        """Take the stack-side lock of the app, waiting until `job.until` for an earlier run to let go of it.

        A command (`StackRunRequested`) runs beside other jobs of the app, and takes no lock. Entering raises
        PhaseFailed if it can't be had.
        """

    async def check(self, request: StackCheckRequested, until: float) -> Checked:
        """Whether the stack can be used, found out by `until`. Changes nothing, and raises nothing that the world can
        bring about: what is wrong is in the answer, with a stable code."""


Drivers = Mapping[str, Driver]
"""By the name that a stack gives as its driver."""
