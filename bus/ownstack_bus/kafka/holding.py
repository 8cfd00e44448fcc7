"""A partition that is this member's: what was taken of it, what is done of that, and how much more may be taken."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable, Sequence

from aiokafka import TopicPartition

from ownstack_bus.kafka.marks import decode, encode, fits
from ownstack_bus.port import Record

logger = logging.getLogger(__name__)

Mark = tuple[int, str]
"""What a commit holds: the first offset that is not done, and what is done above it (`marks`)."""

SLACK = 256
"""Room for so many records is there again before more are fetched of a partition that was full."""


class Holding:
    """One partition, from its adoption until it has gone."""

    def __init__(self, place: TopicPartition, committed: Mark | None, start: int) -> None:
        """committed: as the group has it; None: it has nothing. start: where to begin then."""
        self.place = place
        self.next = committed[0] if committed else start
        """The offset from which on nothing was handed over yet."""
        self.full = False
        """Whether no more may be taken until something is done."""
        self._progress = decode(*committed) if committed else decode(start, "")
        self._known = {committed}
        self._backlog: deque[Record] = deque()
        self._left = 0

    @property
    def wanted(self) -> int:
        """The offset of the next record to be fetched."""
        return max(self.next, self._backlog[-1].offset + 1) if self._backlog else self.next

    def take(self, records: Iterable[Record] = ()) -> list[Record]:
        """What may be handed over: of those that were fetched before, and of these. What has no room yet is kept."""
        self._backlog.extend(records)
        taken = []
        while self._backlog and self._admits(self._backlog[0]):
            record = self._backlog.popleft()
            if record.offset < self.next:
                continue  # it was handed over
            self.next = record.offset + 1
            if record.offset not in self._progress:
                self._left += 1
                taken.append(record)
        self._notice(bool(self._backlog))
        return taken

    def has_room(self) -> bool:
        """Whether a partition that was full should go on."""
        return self._fits(self.wanted, SLACK)

    def took(self, offsets: Iterable[int]) -> bool:
        """Whether all of these were handed over, or are done."""
        return all(offset < self.next for offset in offsets)

    def add(self, offsets: Sequence[int]) -> None:
        """These are done, as the next mark will say."""
        for offset in offsets:
            self._left -= self._progress.add(offset)

    def mark(self) -> Mark:
        """What is to be committed now. From here on it may be what the group has, even if the commit seems to fail."""
        mark = self._progress.position, encode(self._progress)
        self._known.add(mark)
        return mark

    def confirm(self, mark: Mark) -> None:
        """The group has this."""
        self._known = {mark}

    def matches(self, committed: Mark | None) -> bool:
        """Whether what the group has is what was committed here: nobody else got anything done."""
        return committed in self._known

    def _admits(self, record: Record) -> bool:
        offset = record.offset
        if offset > self.next:
            # What lies between are marks of transactions, or records of aborted ones.
            self._progress.fill(self.next, offset)
            self.next = offset
        return offset < self.next or offset in self._progress or self._fits(offset + 1, 1)

    def _fits(self, end: int, more: int) -> bool:
        return fits(end - self._progress.position, self._left + more)

    def _notice(self, full: bool) -> None:
        if full and not self.full:
            logger.warning(
                "%s/%d: %d records wait for their acknowledgement, the oldest at %d; no more are taken until some come",
                *self.place,
                self._left,
                self._progress.position,
            )
        self.full = full
