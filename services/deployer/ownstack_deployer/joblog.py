"""The log of a run: numbers the lines of its phases, bounds them, and stores them a few at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from ownstack_contracts.envelope import canonical
from ownstack_contracts.jobs import StackJob
from ownstack_contracts.logs import DeploymentLogged
from ownstack_deployer.drivers.port import Job, Phase
from ownstack_deployer.masking import NO_MASK, Mask

FLUSH_LINES = 100
FLUSH_AFTER = 0.2
"""Seconds that a line waits for others at most."""
MOST_BYTES = 200 * 1024
"""Of the lines in one record, as JSON."""
MOST_LINE = 4_000
"""Characters of a line."""
PHASE_LINES, PHASE_BYTES = 10_000, 4 * 1024 * 1024
"""What is kept of the output of one phase."""
NOTE = f"[ownstack: the output is longer than {PHASE_LINES:,} lines or {PHASE_BYTES >> 20} MiB; the rest is not kept]"

StoreLines = Callable[[DeploymentLogged], Awaitable[None]]


def subject_of(request: StackJob) -> str:
    """What the log belongs to: the deployment, or the job if it has none."""
    return getattr(request, "deployment", request.job)


class JobLog:
    """The log of one run of a job; its lines are numbered over all phases. `mask`: what they do not show."""

    __slots__ = ("_job", "_next", "_store", "mask")

    def __init__(self, job: Job, store: StoreLines) -> None:
        self._job = job
        self._store = store
        self._next = 0
        self.mask = job.mask

    @property
    def lines(self) -> int:
        """How many lines are stored."""
        return self._next

    def phase(self, name: Phase) -> PhaseLog:
        """The log of a phase that begins."""
        return PhaseLog(name, self._stored, self.mask)

    async def _stored(self, phase: Phase, lines: Sequence[str]) -> None:
        request = self._job.request
        number, self._next = self._next, self._next + len(lines)
        await self._store(
            DeploymentLogged(
                deployment=subject_of(request),
                job=request.job,
                run=self._job.run,
                app=request.app,
                app_id=request.app_id,
                stack=request.stack,
                phase=phase,
                number=number,
                lines=tuple(lines),
            )
        )


class PhaseLog:
    """The log of one phase: lines are stored at 100, after 200 ms, and at the end of the phase."""

    __slots__ = ("_bytes", "_full", "_kept", "_lines", "_mask", "_phase", "_size", "_store", "_timer")

    def __init__(
        self, phase: Phase, store: Callable[[Phase, Sequence[str]], Awaitable[None]], mask: Mask = NO_MASK
    ) -> None:
        self._phase = phase
        self._store = store
        self._mask = mask
        self._lines: list[str] = []
        self._size = 0
        self._kept = self._bytes = 0
        self._full = False
        self._timer: asyncio.Task[None] | None = None

    async def write(self, lines: Sequence[str]) -> None:
        """Keep these lines; once the bound of a phase is passed, only a note that there was more."""
        if self._full:
            return
        for line in self._mask.lines(lines):
            await self._keep(line[:MOST_LINE])
            if self._full:
                break
        if self._lines and self._timer is None:
            self._timer = asyncio.create_task(self._flush_later())

    async def _keep(self, line: str) -> None:
        size = len(canonical(line)) + 1
        self._kept += 1
        self._bytes += size
        if self._kept > PHASE_LINES or self._bytes > PHASE_BYTES:
            self._full, line, size = True, NOTE, len(NOTE) + 3
        if self._size + size > MOST_BYTES:
            await self._flush()
        self._lines.append(line)
        self._size += size
        if len(self._lines) >= FLUSH_LINES:
            await self._flush()

    async def _flush_later(self) -> None:
        await asyncio.sleep(FLUSH_AFTER)
        self._timer = None
        await self._flush()

    async def _flush(self) -> None:
        if not self._lines:
            return
        lines, self._lines, self._size = self._lines, [], 0
        await self._store(self._phase, lines)

    async def close(self) -> None:
        """The phase has ended: store what is left."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        await self._flush()


class Unkept:
    """The log of a phase of which nothing is stored."""

    async def write(self, lines: Sequence[str]) -> None:
        """Nobody reads them."""

    async def close(self) -> None:
        """Nothing is left to do."""
