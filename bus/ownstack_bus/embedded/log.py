"""The logs as the event loop sees them: where each ends, its most recent records, and who waits for more."""

from __future__ import annotations

import asyncio
from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Mapping, Sequence

from ownstack_bus.embedded.schema import LogState
from ownstack_bus.embedded.segments import Place
from ownstack_bus.port import BusError, Record

RECORD_OVERHEAD = 200
"""About what a record costs in memory beside its value, in bytes."""


class Log:
    """One partition of one topic. Lives on the event loop: nobody else touches it."""

    __slots__ = ("_listeners", "_recent", "base", "end", "id", "place", "start")

    def __init__(self, state: LogState) -> None:
        self.id = state.id
        self.place = Place(state.id, state.topic, state.partition)
        self.start = state.start
        self.end = state.end
        self.base = state.end
        """Offset of the oldest record in memory; `end` when there is none."""
        self._recent: list[Record] = []
        self._listeners: set[asyncio.Event] = set()

    def append(self, records: Sequence[Record]) -> None:
        """These were committed at the end."""
        self._recent += records
        self.end += len(records)
        for listener in self._listeners:
            listener.set()

    def recent(self, position: int, limit: int) -> list[Record] | None:
        """Up to `limit` records from `position` on; None: they are no longer in memory."""
        if position >= self.base:
            return self._recent[position - self.base : position - self.base + limit]
        return None

    def recent_since(self, time: int) -> int | None:
        """The offset of the first record appended at or after `time` (ms); None: the file has to tell."""
        if self._recent and self._recent[0].timestamp < time:
            return self.base + bisect_left(self._recent, time, key=lambda record: record.timestamp)
        return None

    def drop(self, count: int) -> None:
        """Keep the oldest `count` records in memory no longer."""
        del self._recent[:count]
        self.base += count

    def forget(self, start: int) -> None:
        """What is before `start` is deleted."""
        self.start = max(self.start, start)
        if self.base < start:
            self.drop(start - self.base)

    def listen(self, event: asyncio.Event) -> None:
        """Set `event` whenever something was appended, until `unlisten`."""
        self._listeners.add(event)

    def unlisten(self, event: asyncio.Event) -> None:
        """The opposite of `listen`."""
        self._listeners.discard(event)

    def wake(self) -> None:
        """Set every event that listens: the bus closes."""
        for listener in self._listeners:
            listener.set()


class Logs:
    """All logs, and the memory that their recent records may take together."""

    def __init__(self, states: Iterable[LogState], partitions: int, window: int) -> None:
        """window: bytes of recent records kept in memory, over all logs."""
        self.partitions = partitions
        self._window = window
        self._held = 0
        self._order: deque[tuple[Log, int, int]] = deque()
        self.by_id = {state.id: Log(state) for state in states}
        by_topic: dict[str, dict[int, Log]] = {}
        for log in self.by_id.values():
            by_topic.setdefault(log.place.topic, {})[log.place.partition] = log
        self._topics: Mapping[str, list[Log]] = {
            topic: [logs[partition] for partition in range(partitions)] for topic, logs in by_topic.items()
        }

    def of(self, topic: str) -> list[Log]:
        """The logs of a topic, by partition.

        Raises BusError `unknown-topic`.
        """
        try:
            return self._topics[topic]
        except KeyError:
            known = ", ".join(sorted(self._topics))
            raise BusError("unknown-topic", f"There is no topic {topic!r}. The topics are: {known}.") from None

    def at(self, topic: str, partition: int) -> Log:
        """One log.

        Raises BusError `unknown-topic` or `unknown-partition`.
        """
        logs = self.of(topic)
        if not 0 <= partition < len(logs):
            raise BusError(
                "unknown-partition", f"{topic} has no partition {partition}; its partitions are 0 to {len(logs) - 1}."
            )
        return logs[partition]

    def appended(self, log: Log, records: Sequence[Record]) -> None:
        """These were committed: they are the most recent now, and the oldest go when memory is short."""
        log.append(records)
        size = sum([len(record.value) for record in records]) + RECORD_OVERHEAD * len(records)
        self._order.append((log, log.end, size))
        self._held += size
        while self._held > self._window and len(self._order) > 1:
            oldest, end, size = self._order.popleft()
            self._held -= size
            if oldest.base < end:
                oldest.drop(end - oldest.base)

    def wake(self) -> None:
        """Wake everyone who waits: the bus closes."""
        for log in self.by_id.values():
            log.wake()
