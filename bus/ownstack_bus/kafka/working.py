"""`work` on Kafka: an actor per key; what is done out of order is kept in the metadata of the offset commit."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import UnknownTopicOrPartitionError
from aiokafka.structs import ConsumerRecord

from ownstack_bus.actors import Actors
from ownstack_bus.inboxes import KeyInbox
from ownstack_bus.kafka.assignors import sticky
from ownstack_bus.kafka.clients import Clients
from ownstack_bus.kafka.committing import Ack, Committer, partition_lost
from ownstack_bus.kafka.errors import translating
from ownstack_bus.kafka.fetching import fetched
from ownstack_bus.kafka.group import Group
from ownstack_bus.kafka.holding import Holding
from ownstack_bus.kafka.joining import Joining
from ownstack_bus.kafka.reading import Check
from ownstack_bus.kafka.starting import STEADY_S, started, stop
from ownstack_bus.kafka.watching import Watchdog
from ownstack_bus.port import Actor, BusError
from ownstack_bus.waiting import Waiting

BATCH = 1_000
POLL_MS = 500
LAST_COMMIT_S = 2.0


async def work(clients: Clients, topic: str, group: str, actor: Actor, check: Check) -> None:
    """See Bus. A cluster that is away is waited for. check: asked again and again whether to go on; what it raises is
    raised.

    Raises BusError `bus-not-allowed`, `bus-tls`, `bus-stalled`, `bus-metadata-refused`, `bus-error`.
    """
    waiting = Waiting(f"Group {group}", STEADY_S)
    while True:
        check()
        consumer = clients.consumer(
            group_id=clients.named(group), partition_assignment_strategy=(sticky(),), **clients.session()
        )
        try:
            async with started(clients, consumer):
                with translating(clients.servers):
                    if clients.topic(topic) not in await consumer.topics():
                        raise UnknownTopicOrPartitionError(clients.topic(topic))
                    await Member(clients, consumer, topic, group, actor, check, waiting.over).run()
        except BusError as error:
            check()
            await waiting.out(error)


class Member:
    """One member of a group: takes the records of its partitions and hands them to the actors."""

    def __init__(
        self,
        clients: Clients,
        consumer: AIOKafkaConsumer,
        topic: str,
        group: str,
        actor: Actor,
        check: Check,
        polled: Callable[[], None],
    ) -> None:
        """consumer: started. polled: told again and again that the consumer does its work."""
        self._check, self._polled = check, polled
        self._clients = clients
        self._consumer = consumer
        self._topic = topic
        self._name = group
        self._actors = Actors(actor, self._acknowledge)
        self._group = Group(consumer, clients.named(group))
        self._committer = Committer(self._group, self._committed)
        self._joining = Joining(consumer, self._group, self._committer, self._gone, self._adopted)
        self._ending = False

    async def run(self) -> None:
        """Work until cancelled."""
        self._consumer.subscribe([self._clients.topic(self._topic)], listener=self._joining)
        poll = asyncio.create_task(self._poll())
        watchdog = Watchdog(self._consumer, self._wanted, self._lag, self._clients.settings.stalled_after)
        parts = {asyncio.create_task(part.run()) for part in (self._committer, self._joining, watchdog)}
        try:
            ended, _ = await asyncio.wait({poll, *parts}, return_when=asyncio.FIRST_COMPLETED)
            for part in ended:
                part.result()
        finally:
            await self._leave(poll, parts)

    async def _leave(self, poll: asyncio.Task[None], parts: Collection[asyncio.Task[None]]) -> None:
        self._ending = True
        await self._actors.end()
        await self._committer.close(LAST_COMMIT_S)
        for part in parts:
            part.cancel()
        await stop(self._consumer)  # which ends the poll, too
        poll.cancel()
        await asyncio.gather(poll, *parts, return_exceptions=True)
        # Who begins again is not in order before it has joined.
        self._clients.meter.assigned(self._name, (), beginning=1)

    async def _poll(self) -> None:
        while not self._ending:
            self._check()
            found = await fetched(self._consumer, timeout_ms=POLL_MS, max_records=BATCH)
            self._polled()
            for place, records in found.items():
                if self._joining.settled and not self._ending:
                    self._take(self._joining.held[place], records)
            await asyncio.sleep(0)

    def _take(self, holding: Holding, found: Sequence[ConsumerRecord[bytes, bytes]] = ()) -> None:
        taken = holding.take(map(self._clients.record, found))
        if taken:
            self._clients.meter.batch(self._name, len(taken))
        for record in taken:
            self._actors.hand_over(record)
        if holding.full:
            self._consumer.pause(holding.place)
        end = self._consumer.last_stable_offset(holding.place)
        if end is not None:
            self._lag(holding.place, max(0, end - holding.wanted))

    def _lag(self, place: TopicPartition, records: int) -> None:
        self._clients.meter.lag(self._name, self._topic, place.partition, records)

    def _wanted(self) -> Mapping[TopicPartition, int]:
        return {place: holding.wanted for place, holding in self._joining.held.items() if not holding.full}

    async def _acknowledge(self, inbox: KeyInbox, offsets: Sequence[int]) -> None:
        holding = self._joining.held.get(self._clients.place(self._topic, inbox.partition))
        if holding is None or not holding.took(offsets):
            raise partition_lost(inbox.partition, inbox.key)
        await self._committer.acknowledge(holding, inbox.key, offsets)

    def _committed(self, acks: Collection[Ack]) -> None:
        for ack in acks:
            self._actors.acknowledged(ack.holding.place.partition, ack.key, ack.offsets)
        for holding in {ack.holding for ack in acks if ack.holding.full}:
            self._refill(holding)

    def _refill(self, holding: Holding) -> None:
        """There may be room again in a partition that was full."""
        ours = self._joining.settled and self._joining.held.get(holding.place) is holding
        if self._ending or not ours or not holding.has_room():
            return
        self._take(holding)
        if not holding.full:
            self._consumer.resume(holding.place)

    def _gone(self, holding: Holding) -> None:
        self._actors.revoke(holding.place.partition)

    def _adopted(self, places: Collection[TopicPartition]) -> None:
        self._clients.meter.assigned(self._name, [place.partition for place in places])
        for place in places:
            self._refill(self._joining.held[place])
