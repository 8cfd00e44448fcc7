"""The port: how records travel. Five verbs; nothing of an adapter leaks out of them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

PASSING = frozenset({"disk-full", "bus-io-error", "bus-busy", "bus-unavailable", "bus-topics-missing"})
"""Codes of errors that may pass by themselves: nothing was written, nothing was lost, trying again is right."""


class BusError(Exception):
    """The bus can't do what was asked. `code` is stable; the text says what was wrong and what to do."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Outgoing(NamedTuple):
    """A record to be written. `partition` None means by key (`ownstack_bus.partitioning`)."""

    topic: str
    key: str
    value: bytes
    partition: int | None = None
    headers: tuple[tuple[str, bytes], ...] = ()


class Record(NamedTuple):
    """A record as it lies on the bus. `timestamp` is the append time in ms since the epoch, never the publisher's."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: str
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class Restored:
    """What a processor found out while it restored itself.

    outgoing: records to be committed before any input is handled (what an earlier, cut decision left out; requests
        and grants without an answer).
    positions: per input topic the offset of the next input, as far as the history tells; the adapter goes on from the
        larger of this and the committed one.
    """

    outgoing: Sequence[Outgoing] = ()
    positions: Mapping[str, int] = field(default_factory=dict)


class Processor(Protocol):
    """Owns one partition of the inputs. It is rebuilt from the history whenever ownership or certainty is lost, so it
    may keep its state in memory. All calls for one processor come one after another, on the event loop."""

    async def restore(self, tail: AsyncIterator[Record]) -> Restored:
        """Rebuild the state from this partition's history, from its beginning to its end."""

    def handle(self, batch: Sequence[Record]) -> Sequence[Sequence[Outgoing]]:
        """Decide over a batch of inputs: for each input, in the order given, what it makes (possibly nothing).

        Adapters commit outputs and input offsets together, and cut long transactions only between inputs.
        """

    def wake_at(self) -> int | None:
        """When `wake` wants to be called next, in ms since the epoch; None: not before the next input."""

    def wake(self, now: int) -> Sequence[Outgoing]:
        """It is `now` (ms since the epoch, the owner's clock): what this owner has to say of its own accord
        (a clock tick, a lapsed lease). Written by its own fenced producer."""


class Inbox(Protocol):
    """What an actor sees of its key: that key's records, in order."""

    @property
    def key(self) -> str: ...

    async def get(self, timeout: float | None = None) -> Record | None:
        """The next record; None when `timeout` seconds passed without one.

        `get(0)` gives a record that is there already. It may be cancelled: no record is lost by that.
        """

    async def done(self, *records: Record) -> None:
        """Acknowledge: returns once that is durable; from then on these records never come again to this group.

        During a rebalance it waits until that is over. Raises BusError `partition-lost` when their partition has gone
        to another member of the group, to whom they come again: harmless where that one asks whether they are done.
        """

    @property
    def revoked(self) -> bool:
        """Whether this key's partition has gone to another member: what is under way may be finished under its own
        lease, but `get` gives nothing more."""


Actor = Callable[[Inbox], Awaitable[None]]
"""Handles one key. It is started when a record of its key comes and none is running, and started again while its inbox
is not empty. What it did not acknowledge comes again: after an error of its own at once, else to the next member."""


class Sink(Protocol):
    """Rows that are made of a topic's records, with the offset beside them."""

    async def positions(self) -> Mapping[int, int]:
        """Per partition the offset of the next record wanted, as stored with the rows; absent: 0."""

    async def apply(self, partition: int, records: Sequence[Record]) -> None:
        """Store what these records make, and the offset after the last, in one database transaction."""


@dataclass(frozen=True, slots=True)
class At:
    """A place in a partition: an `offset`, or the first record appended at or after `time` (ms since the epoch)."""

    offset: int | None = None
    time: int | None = None


class Bus(Protocol):
    """The five verbs. `process`, `work` and `project` run until they are cancelled or the bus fails (`BusError`)."""

    async def partitions(self, topic: str) -> int:
        """How many partitions this topic has."""

    async def publish(self, records: Sequence[Outgoing]) -> None:
        """Durable when it returns, in the order given per key; the same id twice is harmless downstream."""

    async def process(
        self, service: str, inputs: Sequence[str], history: str, factory: Callable[[int], Processor]
    ) -> None:
        """Run one processor per partition that this process owns; outputs and input offsets commit together or not
        at all."""

    async def work(self, topic: str, group: str, actor: Actor) -> None:
        """Run an actor per key: records of one key in order, keys in parallel, also inside one partition.

        Several processes may work in one group; they share the partitions, and a rebalance never waits for an actor.
        A partition that stays goes on undisturbed. One that goes is revoked (see Inbox); should it come back while an
        actor of it still runs, that key's next actor waits for its end, and what it acknowledges counts.
        When cancelled it leaves the group at once: no new record is taken, and the running actors are cancelled.
        """

    async def project(self, topic: str, group: str, sink: Sink) -> None:
        """Feed the sink every partition of the topic from the positions that it stores itself."""

    def read(
        self, topic: str, partition: int, start: At = At(offset=0), end: int | None = None
    ) -> AsyncIterator[Record]:
        """Committed records from `start` up to, not including, offset `end`; `end` None: up to the end as it is now."""

    def tail(self, topic: str, partition: int, start: At | None = None) -> AsyncIterator[Record]:
        """As `read`, then goes on with new records as they come. `start` None: only what comes from now on."""

    async def end(self, topic: str, partition: int) -> int:
        """The offset before which all records are; the next one gets it, or a later one. Between two records may lie
        offsets of none: how many records there are, `behind` tells."""

    async def behind(self, topic: str, partition: int, position: int) -> int:
        """How many records lie at or after `position`: exact up to some hundreds, else at least as many."""

    async def close(self) -> None:
        """Let go of files and connections. What was published is durable already."""
