"""The desk of a key: sorts what comes in for one app on one stack into requests and answers."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from ownstack_bus.dead_letters import letter_for
from ownstack_bus.port import BusError, Inbox, Outgoing, Record
from ownstack_contracts.envelope import Event, Unreadable, decode
from ownstack_contracts.images import ImageJob, ImageJobClosed
from ownstack_contracts.jobs import StackCheckRequested, StackJob
from ownstack_contracts.leases import JobClosed, JobGranted
from ownstack_deployer.clock import Clock
from ownstack_deployer.reporter import Cause

logger = logging.getLogger(__name__)

Answer = JobGranted | JobClosed


class Withdrawn(Exception):
    """Nobody waits for the job at hand any more."""


class Revoked(Exception):
    """The key has gone to another deployer, and what is not acknowledged with it."""


@dataclass(frozen=True, slots=True)
class Request:
    """A job that was asked for, with the record that asks."""

    job: StackJob
    cause: Cause


@dataclass(frozen=True, slots=True)
class CheckRequest:
    """A check that was asked for, with the record that asks. It is not claimed."""

    job: StackCheckRequested
    cause: Cause


@dataclass(frozen=True, slots=True)
class ImageRequest:
    """An image job that was asked for, with the record that asks. It is not claimed. `appended` in ms since the
    epoch."""

    job: ImageJob
    cause: Cause
    appended: int


AnyRequest = Request | CheckRequest | ImageRequest


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer to a claim. `appended` in ms since the epoch."""

    answer: Answer
    appended: int


class Desk:
    """What has come in for one key. Records stay unacknowledged until the job at hand is over."""

    def __init__(self, inbox: Inbox, bury: Callable[[Outgoing], object], clock: Clock) -> None:
        """`bury` publishes a dead letter."""
        self._inbox = inbox
        self._bury = bury
        self._clock = clock
        self._waiting: deque[tuple[AnyRequest, Record]] = deque()
        self._at_hand: AnyRequest | None = None
        self._finished: list[Record] = []
        self._withdrawn: set[str] = set()
        """Image jobs that nobody waits for."""

    async def open(self) -> None:
        """Take the record that the actor was started for, and what leads up to the first request."""
        while not self._waiting and (record := await self._inbox.get(0)) is not None:
            self._sort(record)

    def next_request(self) -> AnyRequest | None:
        """The oldest job that has come in; None: there is none. Later ones start the actor anew."""
        if not self._waiting:
            return None
        self._at_hand, record = self._waiting.popleft()
        self._finished.append(record)
        return self._at_hand

    async def answer(self, job: str, until: float) -> Reply | None:
        """The next answer about this job; None: none came until then, or the key is not ours any more."""
        while (left := until - self._clock()) > 0 and (record := await self._inbox.get(left)) is not None:
            if (reply := self._sort(record)) is not None and reply.answer.job == job:
                return reply
        return None

    async def rest(self, seconds: float) -> None:
        """Let time pass. Raises Revoked as soon as the key has gone to another deployer, Withdrawn as soon as nobody
        waits for the job at hand any more."""
        until = self._clock() + seconds
        while (left := until - self._clock()) > 0 and (record := await self._inbox.get(left)) is not None:
            self._sort(record)
            if self._at_hand is not None and self._at_hand.job.job in self._withdrawn:
                raise Withdrawn
        if self.revoked:
            raise Revoked

    @property
    def revoked(self) -> bool:
        """Whether the key has gone to another deployer: no answer will come any more."""
        return self._inbox.revoked

    async def finish(self) -> None:
        """The job at hand is over: acknowledge its request, and all answers that came in.

        Raises Revoked: all of them come to another deployer, whose claim is answered with the job's end.
        """
        self._at_hand = None
        records, self._finished = self._finished, []
        if not records:
            return
        try:
            await self._inbox.done(*records)
        except BusError as error:
            if error.code != "partition-lost":
                raise
            raise Revoked from error

    def _sort(self, record: Record) -> Reply | None:
        try:
            event = _read(record)
        except Unreadable as why:
            logger.error("%s/%d/%d can't be read: %s", record.topic, record.partition, record.offset, why)
            self._bury(letter_for(record, why.code, why.reason))
            self._finished.append(record)
            return None
        message = event.message
        if isinstance(message, StackJob | StackCheckRequested | ImageJob):
            self._take(record, event, message)
            return None
        self._finished.append(record)
        if isinstance(message, ImageJobClosed):
            self._withdrawn.add(message.job)
            return None
        assert isinstance(message, JobGranted | JobClosed)
        return Reply(message, record.timestamp)

    def _take(self, record: Record, event: Event, job: StackJob | StackCheckRequested | ImageJob) -> None:
        if self._is_known(job.job):  # the promoter repeats what it has no answer to
            self._finished.append(record)
            return
        assert event.envelope.team is not None
        cause = Cause.of(event.envelope.team, event.envelope)
        self._waiting.append((_request(job, cause, record), record))

    def _is_known(self, job: str) -> bool:
        if self._at_hand is not None and self._at_hand.job.job == job:
            return True
        return any(request.job.job == job for request, _ in self._waiting)


def _request(job: StackJob | StackCheckRequested | ImageJob, cause: Cause, record: Record) -> AnyRequest:
    if isinstance(job, ImageJob):
        return ImageRequest(job, cause, record.timestamp)
    return Request(job, cause) if isinstance(job, StackJob) else CheckRequest(job, cause)


def _read(record: Record) -> Event:
    event = decode(record.topic, record.value)
    if event.envelope.team is None:
        raise Unreadable("no-team", "A job says in `team` whose it is.")
    return event
