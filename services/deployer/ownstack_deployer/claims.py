"""Claims: how a run asks to be granted a job, and asks again until it is answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from ownstack_contracts.leases import JobClaimed, JobClosed, JobGranted, LeaseReturned
from ownstack_deployer.clock import Clock
from ownstack_deployer.desk import Desk, Reply, Request, Revoked
from ownstack_deployer.reporter import Voice


@dataclass(frozen=True, slots=True)
class Granted:
    """A grant, with the voice of its run. `at`: when it was appended, in ms since the epoch. On the clock: `since`,
    from when its lease counts; `until`, its deadline."""

    grant: JobGranted
    voice: Voice
    at: int
    since: float
    until: float


class Claimant:
    """Claims one job for one run. deployer: how this one is called; every: seconds after which it claims again."""

    def __init__(self, request: Request, run: str, voice: Voice, clock: Clock, *, deployer: str, every: float) -> None:
        self._request = request
        self._run = run
        self._voice = voice
        self._clock = clock
        self._deployer = deployer
        self._every = every
        self._sent: list[tuple[float, asyncio.Event]] = []
        self._first: float | None = None
        self._widest = 0.0

    async def claim(self, desk: Desk) -> Granted | None:
        """Claim until answered. Returns None when the job is closed.

        Raises Revoked. However it ends without an answer, a grant that may still come is given back at once.
        """
        try:
            return await self._until_answered(desk)
        except BaseException:
            self._voice.say(self._about(LeaseReturned))
            raise

    async def _until_answered(self, desk: Desk) -> Granted | None:
        while True:
            self._say()
            again = self._clock() + self._every
            while (reply := await desk.answer(self._request.job.job, again)) is not None:
                if isinstance(reply.answer, JobClosed):
                    return None
                if reply.answer.run == self._run:  # else it is an answer to an earlier run
                    return self._granted(reply.answer, reply)
            if desk.revoked:
                raise Revoked

    def _say(self) -> None:
        """Claim; not again while the last claim is not durable: a bus that takes nothing is not owed a pile of them."""
        self._forget()
        if not self._sent or self._sent[-1][1].is_set():
            sent = self._clock()
            self._first = sent if self._first is None else self._first
            self._sent.append((sent, self._voice.say(self._about(JobClaimed, deployer=self._deployer))))

    def _granted(self, grant: JobGranted, reply: Reply) -> Granted:
        seconds = (grant.running_until - reply.appended) / 1_000
        return Granted(grant, self._voice, reply.appended, self._since(grant.lease), self._clock() + seconds)

    def _since(self, lease: float) -> float:
        """When the last claim that is durable was sent; the answer shows that the first one is.

        It is not known which of them was answered. If one was not known to be durable within a lease of the one before
        it (the process stood still, the bus was away), what was granted may have lapsed: then the first counts.
        """
        self._forget()
        assert self._first is not None
        return self._sent[0][0] if self._widest < lease else self._first

    def _forget(self) -> None:
        """Keep only the last claim that is durable, and those after it."""
        while len(self._sent) > 1 and self._sent[1][1].is_set():
            self._widest = max(self._widest, self._clock() - self._sent[0][0])
            del self._sent[0]

    def _about(self, kind: Callable[..., JobClaimed | LeaseReturned], **fields: str) -> JobClaimed | LeaseReturned:
        job = self._request.job
        return kind(job=job.job, run=self._run, app=job.app, stack=job.stack, **fields)
