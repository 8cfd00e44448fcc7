"""The bus in one SQLite file: its parts put together behind the port."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path

from ownstack_bus.clocks import Clock, wall_clock
from ownstack_bus.embedded.ledger import Ledger
from ownstack_bus.embedded.log import Log, Logs
from ownstack_bus.embedded.owner import FileOwner
from ownstack_bus.embedded.processing import Surroundings, process
from ownstack_bus.embedded.projecting import project
from ownstack_bus.embedded.reader import Cursor, Reader
from ownstack_bus.embedded.retention import Retention
from ownstack_bus.embedded.schema import LogState, connect, prepare
from ownstack_bus.embedded.telling import Told
from ownstack_bus.embedded.times import Times
from ownstack_bus.embedded.working import Group
from ownstack_bus.embedded.writer import Writer
from ownstack_bus.meter import Meter, Unmetered
from ownstack_bus.partitioning import partition_of
from ownstack_bus.port import Actor, At, BusError, Outgoing, Processor, Record, Sink
from ownstack_bus.waiting import Waiting
from ownstack_contracts.topics import DEFAULT_PARTITIONS, TOPICS, Topic

MAX_RECORD_BYTES = 1024 * 1024
"""A larger value is refused by `publish`."""

WINDOW_BYTES = 24 * 1024 * 1024
"""Of recent records, kept in memory: what a promotion to 5,000 stacks writes is never read back from the file."""

_BEGINNING = At(offset=0)
_BATCH = 1_000


class EmbeddedBus:
    """See ownstack_bus.port.Bus. Belongs to the event loop that it was opened on."""

    def __init__(
        self,
        owner: FileOwner,
        logs: Logs,
        writer: Writer,
        reader: Reader,
        retention: Retention,
        times: Times,
        meter: Meter,
    ) -> None:
        """Use `open`."""
        self._owner = owner
        self._logs = logs
        self._writer = writer
        self._reader = reader
        self._retention = retention
        self._times = times
        self._meter = meter
        self._consumers: set[str] = set()
        self._closed = False

    @classmethod
    async def open(
        cls,
        path: Path | str,
        *,
        partitions: int = DEFAULT_PARTITIONS,
        write_lock: AbstractContextManager[object] | None = None,
        topics: Mapping[str, Topic] = TOPICS,
        window_bytes: int = WINDOW_BYTES,
        clock: Clock = wall_clock,
        ticks: Clock | None = None,
        meter: Meter | None = None,
    ) -> EmbeddedBus:
        """Open, or create, the bus in the file at `path`; it belongs to this process until `close`.

        partitions: of every topic, fixed when the file is made. write_lock: held during every write; whoever writes to
        the same file shares it (None: nobody else does). window_bytes: of recent records kept in memory. clock: append
        times, in ms since the epoch. ticks: a clock that nobody sets, in ms, by which they go on while `clock` is put
        back. meter: what the bus tells of itself while it runs.
        Raises BusError: `bus-in-use`, `bus-not-writable`, `bus-not-a-database`, `bus-corrupt`, `bus-schema-newer`,
        `bus-partitions-changed`, `disk-full`.
        """
        path = await asyncio.to_thread(Path(path).absolute)
        lock = write_lock or nullcontext()
        owner = FileOwner(path)
        try:
            connection, states, reader = await asyncio.to_thread(_open_file, path, tuple(topics), partitions, lock)
        except BaseException:
            owner.release()
            raise
        logs = Logs(states, partitions, window_bytes)
        times = Times(states, partitions, clock, ticks)
        writer = Writer(path, connection, Ledger(connection, states, times), logs, lock)
        retention = Retention(writer, logs, topics, clock)
        return cls(owner, logs, writer, reader, retention, times, meter or Unmetered())

    async def partitions(self, topic: str) -> int:
        """See Bus."""
        return len(self._logs.of(topic))

    async def end(self, topic: str, partition: int) -> int:
        """See Bus."""
        return self._logs.at(topic, partition).end

    async def behind(self, topic: str, partition: int, position: int) -> int:
        """See Bus."""
        return max(self._logs.at(topic, partition).end - position, 0)

    async def publish(self, records: Sequence[Outgoing]) -> None:
        """See Bus.

        Raises BusError: `unknown-topic`, `unknown-partition`, `record-too-large`, `disk-full`, `bus-io-error`,
        `bus-closed`.
        """
        if records:
            await self._writer.commit(self._routed(records))

    async def process(
        self, service: str, inputs: Sequence[str], history: str, factory: Callable[[int], Processor]
    ) -> None:
        """See Bus. Raises BusError `group-in-use`, `processor-failed`, `bus-corrupt`, `bus-closed`."""
        with self._as_consumer(f"process {service}") as consumer:
            around = Surroundings(
                self._writer,
                self._reader,
                self._logs,
                self._routed,
                self.read,
                self._times,
                consumer,
                inputs,
                history,
                factory,
                Told(self._meter, service, self._logs.partitions),
            )
            await process(around)

    async def work(self, topic: str, group: str, actor: Actor) -> None:
        """See Bus. Raises BusError `group-in-use`, `bus-corrupt`, `bus-closed`."""
        with self._as_consumer(f"work {topic} {group}") as consumer:
            told = Told(self._meter, group, self._logs.partitions)
            await Group(self._writer, self._reader, self._logs.of(topic), consumer, actor, told).run()

    async def project(self, topic: str, group: str, sink: Sink) -> None:
        """See Bus. What the sink raises is raised. Raises BusError `group-in-use`, `bus-corrupt`, `bus-closed`."""
        with self._as_consumer(f"project {topic} {group}"):
            told = Told(self._meter, f"{group}.{topic}", self._logs.partitions)
            await project(self._writer, self._reader, self._logs.of(topic), sink, told)

    async def read(
        self, topic: str, partition: int, start: At = _BEGINNING, end: int | None = None
    ) -> AsyncIterator[Record]:
        """See Bus."""
        log = self._logs.at(topic, partition)
        end = log.end if end is None else min(end, log.end)
        cursor = Cursor(self._reader, log, await self._reader.find(log, start))
        while cursor.position < end:
            self._writer.check()
            for record in await cursor.take(min(_BATCH, end - cursor.position)):
                if record.offset >= end:
                    return
                yield record

    def tail(self, topic: str, partition: int, start: At | None = None) -> AsyncIterator[Record]:
        """See Bus. A file that can't be read for now is waited for."""
        log = self._logs.at(topic, partition)
        return self._tail(log, At(offset=log.end) if start is None else start)

    async def _tail(self, log: Log, start: At) -> AsyncIterator[Record]:
        more = asyncio.Event()
        log.listen(more)
        waiting = Waiting(f"Whoever follows {log.place.topic}/{log.place.partition}")
        try:
            cursor = Cursor(self._reader, log, await waiting.through(partial(self._reader.find, log, start)))
            while True:
                more.clear()
                self._writer.check()
                for record in await waiting.through(partial(cursor.take, _BATCH)):
                    yield record
                if not cursor.behind:
                    await more.wait()
        finally:
            log.unlisten(more)

    async def forget_expired(self) -> int:
        """Delete what is past its topic's retention now, and say how many records that were. It is done every few
        minutes anyway."""
        return await self._retention.sweep()

    async def close(self) -> None:
        """See Bus. What runs on this bus ends with BusError `bus-closed`."""
        if self._closed:
            return
        self._closed = True
        await self._retention.stop()
        await self._writer.close()
        self._logs.wake()
        await asyncio.to_thread(self._reader.close)
        self._owner.release()

    def _routed(self, records: Sequence[Outgoing]) -> dict[Log, list[Outgoing]]:
        routed: dict[Log, list[Outgoing]] = {}
        count = self._logs.partitions
        for record in records:
            logs = self._logs.of(record.topic)
            partition = partition_of(record.key, count) if record.partition is None else record.partition
            if not 0 <= partition < count:
                self._logs.at(record.topic, partition)  # raises
            if len(record.value) > MAX_RECORD_BYTES:
                raise BusError(
                    "record-too-large",
                    f"A record of {len(record.value)} bytes was to be written to {record.topic}; at most "
                    f"{MAX_RECORD_BYTES} are possible. Split it, or write where its content is kept.",
                )
            log = logs[partition]
            if log in routed:
                routed[log].append(record)
            else:
                routed[log] = [record]
        return routed

    @contextmanager
    def _as_consumer(self, name: str) -> Iterator[str]:
        self._writer.check()
        if name in self._consumers:
            raise BusError(
                "group-in-use",
                f"{name!r} runs on this bus already, and the embedded bus has one member per group. Stop the other, "
                "or use another name.",
            )
        self._consumers.add(name)
        try:
            yield name
        finally:
            self._consumers.discard(name)


def _open_file(
    path: Path, topics: Sequence[str], partitions: int, lock: AbstractContextManager[object]
) -> tuple[sqlite3.Connection, list[LogState], Reader]:
    with lock:
        connection = connect(path)
        try:
            return connection, prepare(connection, path, topics, partitions), Reader.open(path)
        except BaseException:
            connection.close()
            raise
