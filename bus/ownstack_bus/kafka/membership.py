"""This process as a member of a `process` group: an owner per partition that it has, each fed from one consumer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError

from ownstack_bus.kafka.clients import Clients
from ownstack_bus.kafka.fetching import fetched
from ownstack_bus.kafka.group import Group
from ownstack_bus.kafka.owning import Owner, Surroundings
from ownstack_bus.kafka.starting import ended, stop
from ownstack_bus.kafka.transactions import Transactions
from ownstack_bus.kafka.watching import Watchdog
from ownstack_bus.port import BusError

logger = logging.getLogger(__name__)

POLL_MS = 200
RETRY_S = 0.2
LOOK_S = 1.0
ANSWER_S = 5.0


class Membership(ConsumerRebalanceListener):
    """Listening waits for nothing and takes no lock: owners are begun, cancelled, or put back to their places."""

    def __init__(
        self,
        clients: Clients,
        consumer: AIOKafkaConsumer,
        service: str,
        inputs: Sequence[str],
        polled: Callable[[], None],
    ) -> None:
        """consumer: started, and subscribed to nothing. polled: told again and again that the consumer works."""
        self._clients, self._consumer, self._polled = clients, consumer, polled
        self._service = service
        self._topics = {clients.topic(topic): topic for topic in inputs}
        self._group = Group(consumer, clients.named(service))
        self._coordinator: Any = consumer._coordinator
        self._around: Surroundings
        self._owners: dict[int, Owner] = {}
        self._tasks: dict[Owner, asyncio.Task[None]] = {}
        self._dropping: set[asyncio.Task[None]] = set()
        self._settled = asyncio.Event()
        self._leaving = False
        self._away: set[Owner] = set()
        self._failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def run(self, around: Surroundings) -> None:
        """Own what the group assigns to this process, until cancelled.

        Raises BusError `bus-stalled`, and what an owner or `around.check` raises.
        """
        self._around = around
        self._consumer.subscribe(list(self._topics), listener=self)
        patience = self._clients.settings.stalled_after
        watchdog = Watchdog(self._consumer, self._wanted, self._lag, patience)
        parts = [asyncio.create_task(part) for part in (self._poll(), watchdog.run(), self._look(patience))]
        try:
            ended, _ = await asyncio.wait({self._failed, *parts}, return_when=asyncio.FIRST_COMPLETED)
            for part in ended:
                part.result()
        finally:
            await self._leave(parts)

    async def _leave(self, parts: Sequence[asyncio.Task[None]]) -> None:
        self._leaving = True
        poll, *others = parts
        await ended([*others, *self._tasks.values()])
        await asyncio.gather(*self._dropping, return_exceptions=True)
        await stop(self._consumer)
        poll.cancel()  # in a rebalance it waits for an end that never comes
        await asyncio.gather(poll, return_exceptions=True)
        self._clients.meter.assigned(self._service, (), beginning=1)  # who begins again is not in order
        if self._failed.done():
            self._failed.exception()

    # What aiokafka tells of a rebalance.

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:  # noqa: ARG002
        """A rebalance begins. Nothing is let go of yet: most comes straight back, and fencing sees to the rest."""
        self._settled.clear()

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """A rebalance has ended."""
        if self._leaving:
            return
        try:
            self._consumer.pause(*assigned)
            partitions = {
                place.partition
                for place in assigned
                if all(TopicPartition(topic, place.partition) in assigned for topic in self._topics)
            }
            for partition in self._owners.keys() - partitions:
                self._tasks[self._owners.pop(partition)].cancel()
            for partition in sorted(partitions):
                self._own(partition)
            self._settled.set()
            self._tell()
        except Exception as error:
            # aiokafka would write it down and go on.
            self._fail(error)

    def _own(self, partition: int) -> None:
        owner = self._owners.get(partition)
        if owner is not None:
            self._place(owner)
            return
        owner = self._owners[partition] = Owner(self._around, partition)
        task = self._tasks[owner] = asyncio.create_task(owner.run(), name=f"ownstack-bus {self._service} {partition}")
        task.add_done_callback(lambda _: self._ended(owner, task))

    def _ended(self, owner: Owner, task: asyncio.Task[None]) -> None:
        del self._tasks[owner]
        self._away.discard(owner)
        if not task.cancelled():
            self._fail(task.exception() or RuntimeError("an owner ended by itself"))

    def _fail(self, error: BaseException) -> None:
        if not self._failed.done():
            self._failed.set_exception(error)

    # What owners ask.

    async def confirmed(self) -> None:
        """See Member. Who was silent for too long hears of it here, and does not fence those who have taken over."""
        while True:
            await self._settled.wait()
            await self._coordinator.ensure_coordinator_known()
            heard = await self._coordinator._do_heartbeat()
            if heard and self._settled.is_set() and not self._coordinator._rejoin_needed_fut.done():
                return
            await asyncio.sleep(RETRY_S)

    async def positions(self, partition: int) -> Mapping[str, int]:
        """See Member. What is kept no more is passed over."""
        places = self._places(partition)
        committed = await self._group.committed(places)
        starts = await self._consumer.beginning_offsets(places)
        found = {}
        for place in places:
            mark, start = committed[place], starts[place]
            if mark is not None and mark[0] < start:
                logger.error("%s/%d: inputs %d to %d were deleted unread", *place, mark[0], start - 1)
            found[self._topics[place.topic]] = max(mark[0] if mark else 0, start)
        return found

    def away(self, owner: Owner, error: Exception) -> None:
        """See Member. Said once for all owners, until each of them has come back."""
        if not self._away:
            logger.warning("%r waits for Kafka at %s: %r", self._service, self._clients.servers, error)
        self._away.add(owner)

    def restored(self, owner: Owner) -> None:
        """See Member."""
        self._away.discard(owner)
        self._place(owner)
        self._tell()

    def passed(self, owner: Owner) -> None:
        """See Member."""
        if owner is self._owners.get(owner.partition):
            paused = self._consumer.paused()
            for place in self._places(owner.partition):
                if place in paused and owner.intake.has_room(self._topics[place.topic]):
                    self._consumer.resume(place)

    def dropped(self, transactions: Transactions) -> None:
        """See Member."""
        task = asyncio.create_task(transactions.drop())
        self._dropping.add(task)
        task.add_done_callback(self._dropping.discard)

    # The records.

    async def _poll(self) -> None:
        """Feed the owners until the consumer is stopped."""
        while True:
            self._around.check()
            found = await fetched(self._consumer, timeout_ms=POLL_MS)
            self._polled()
            # No turn for others until all is handed over: an owner that begins anew meanwhile would miss it.
            for place, records in found.items():
                owner = self._owners.get(place.partition)
                if owner is not None and owner.is_restored and records:
                    topic = self._topics[place.topic]
                    owner.feed(topic, records, self._consumer.last_stable_offset(place) or 0)
                    if owner.intake.is_full(topic):
                        self._consumer.pause(place)
            await asyncio.sleep(0)

    def _place(self, owner: Owner) -> None:
        """Fetch on from where its intake ends."""
        if not owner.is_restored or owner is not self._owners.get(owner.partition):
            return
        for place in self._places(owner.partition):
            if place in self._consumer.assignment():
                self._consumer.seek(place, owner.intake.wanted(self._topics[place.topic]))
                if not owner.intake.is_full(self._topics[place.topic]):
                    self._consumer.resume(place)

    def _places(self, partition: int) -> list[TopicPartition]:
        return [TopicPartition(topic, partition) for topic in self._topics]

    # Whether all get on.

    def _wanted(self) -> Mapping[TopicPartition, int]:
        return {
            place: owner.intake.wanted(topic)
            for owner in self._owners.values()
            for place in self._places(owner.partition)
            if owner.is_restored and self._settled.is_set()
            for topic in [self._topics[place.topic]]
            if not owner.intake.is_full(topic)
        }

    def _lag(self, place: TopicPartition, records: int) -> None:
        self._clients.meter.lag(self._service, self._topics[place.topic], place.partition, records)

    def _tell(self) -> None:
        restored = [partition for partition, owner in sorted(self._owners.items()) if owner.is_restored]
        self._clients.meter.assigned(self._service, restored, len(self._owners) - len(restored))

    async def _look(self, patience: float) -> None:
        """Raise BusError `bus-stalled` when an owner comes no further although the cluster answers."""
        while True:
            await asyncio.sleep(LOOK_S)
            for partition, owner in self._owners.items():
                if owner.headway.missing_for() > patience:
                    await self._blame(partition, patience)
                    break

    async def _blame(self, partition: int, patience: float) -> None:
        place = self._places(partition)[0]
        try:
            async with asyncio.timeout(ANSWER_S):
                await self._consumer.end_offsets([place])
        except (KafkaError, TimeoutError, OSError):
            for owner in self._owners.values():
                owner.headway.excused()  # nobody gets on without the cluster: that is waited out
        else:
            raise BusError(
                "bus-stalled",
                f"Partition {partition} of {self._service!r} has had something to do for {patience:.0f} s and has come "
                "no further, although Kafka answers. Nothing is lost; start this process again.",
            )
