"""What was fetched of one partition, of all input topics, and is not handled yet."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from itertools import islice

from aiokafka.structs import ConsumerRecord

from ownstack_bus.attempts import Care
from ownstack_bus.merging import by_time
from ownstack_bus.port import Record

Fetched = ConsumerRecord[bytes, bytes]

BATCH = 1_000
"""Inputs handled at once."""

FULL_RECORDS = 8_000
FULL_BYTES = 16 * 1024 * 1024
"""Of a topic that has so much waiting, no more is fetched until half of it is handled."""


class Intake:
    """Inputs that wait. Filled by whoever polls, emptied by the owner of the partition."""

    def __init__(self, topics: Sequence[str], record: Callable[[Fetched], Record]) -> None:
        """record: makes a record of ours."""
        self.positions = dict.fromkeys(topics, 0)
        """Per topic the offset of the next input to be handled."""
        self.more = asyncio.Event()
        self._record = record
        self._waiting: dict[str, deque[Fetched]] = {topic: deque() for topic in topics}
        self._bytes = dict.fromkeys(topics, 0)
        self._ends = dict.fromkeys(topics, 0)
        self._care = Care()

    def begin(self, positions: Mapping[str, int]) -> None:
        """Forget what was fetched; it is handled from these positions on."""
        self.positions = dict(positions)
        for topic, waiting in self._waiting.items():
            waiting.clear()
            self._bytes[topic] = 0

    def add(self, topic: str, records: Sequence[Fetched], end: int) -> None:
        """These were fetched. end: before which offset there is more of the topic, as far as is known."""
        wanted = self.wanted(topic)
        new = [record for record in records if record.offset >= wanted]
        self._waiting[topic] += new
        self._bytes[topic] += sum(_size(record) for record in new)
        self._ends[topic] = end
        self.more.set()

    def wanted(self, topic: str) -> int:
        """The offset from which on nothing was fetched yet."""
        waiting = self._waiting[topic]
        return waiting[-1].offset + 1 if waiting else self.positions[topic]

    def behind(self, topic: str) -> int:
        """How many offsets there are to go, as far as is known."""
        return max(self._ends[topic] - self.positions[topic], 0)

    def is_full(self, topic: str) -> bool:
        """Whether nothing more is to be fetched of it for now."""
        return len(self._waiting[topic]) >= FULL_RECORDS or self._bytes[topic] >= FULL_BYTES

    def has_room(self, topic: str) -> bool:
        """Whether one that was full is to be fetched again."""
        return len(self._waiting[topic]) <= FULL_RECORDS // 2 and self._bytes[topic] <= FULL_BYTES // 2

    def peek(self) -> list[Record]:
        """The next batch, by append time and then by the order of the topics; [] if nothing waits."""
        limit = 1 if self._care.needed(self.positions) else BATCH
        slices = [list(islice(waiting, limit)) for waiting in self._waiting.values()]
        goes_on = {id(records[-1]): self._goes_on(topic, records[-1]) for topic, records in self._with(slices)}
        return [self._record(fetched) for fetched in by_time(slices, lambda last: goes_on[id(last)])[:limit]]

    def passed(self, record: Record) -> None:
        """This input is handled: the first that waits of its topic."""
        self.positions[record.topic] = record.offset + 1
        self._bytes[record.topic] -= _size(self._waiting[record.topic].popleft())

    def careful_until(self, batch: Sequence[Record]) -> None:
        """One of these failed: they come one by one from now on, until all are handled."""
        self._care.about(batch)

    def __bool__(self) -> bool:
        """Whether something waits."""
        return any(self._waiting.values())

    def _with(self, slices: Sequence[list[Fetched]]) -> list[tuple[str, list[Fetched]]]:
        return [(topic, records) for topic, records in zip(self._waiting, slices, strict=True) if records]

    def _goes_on(self, topic: str, last: Fetched) -> bool:
        return last is not self._waiting[topic][-1] or last.offset + 1 < self._ends[topic]


def _size(record: Fetched) -> int:
    headers = sum(len(name) + len(value or b"") for name, value in record.headers)
    return len(record.value or b"") + len(record.key or b"") + headers
