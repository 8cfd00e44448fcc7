"""`process` on Kafka: the members of a group share the partitions, and each partition has an owner.

An owner's transactional producer fences whoever owned the partition before, so two never write for one partition,
whatever each believes; `ownstack_bus.kafka.owning` says how an owner lives.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from aiokafka import ConsumerRebalanceListener, TopicPartition
from aiokafka.coordinator.assignors.range import RangePartitionAssignor

from ownstack_bus.kafka.clients import Clients
from ownstack_bus.kafka.errors import translating
from ownstack_bus.kafka.owning import Factory, Owner, Surroundings
from ownstack_bus.kafka.reading import Check
from ownstack_bus.kafka.topics import counts_of
from ownstack_bus.port import BusError

logger = logging.getLogger(__name__)

FETCH_WAIT_MS = 100
"""A fetch that finds nothing takes so long; what is resumed meanwhile waits for its end."""

LETTING_GO_S = 3.0
"""Owners whose partitions have gone are given so long to end before the rebalance goes on."""

LOOK_S = 0.2
STALLED_S = 60.0
"""An owner with inputs that it does not commit for so long makes the process stop, for its supervisor to start it
again."""


async def process(
    clients: Clients, service: str, inputs: Sequence[str], history: str, factory: Factory, check: Check
) -> None:
    """See Bus. check: asked again and again whether to go on; what it raises is raised.

    Raises BusError `bus-optimised`, `bus-topics-differ`, `bus-stalled`, `processor-failed`, and as `translated` says.
    """
    if not __debug__:
        raise BusError("bus-optimised", "Python runs with -O, which strips checks that fencing relies on. Run without.")
    with translating(clients.servers):
        partitions = await counts_of(clients)
    if len({partitions[topic] for topic in (*inputs, history)}) > 1:
        counts = ", ".join(f"{topic}: {partitions[topic]}" for topic in (*inputs, history))
        raise BusError("bus-topics-differ", f"These need the same number of partitions: {counts}.")
    consumer = clients.consumer(
        group_id=clients.named(service),
        partition_assignment_strategy=(RangePartitionAssignor,),
        fetch_max_wait_ms=FETCH_WAIT_MS,
        **clients.session(),
    )
    member = _Member(clients, service)
    around = Surroundings(
        clients,
        consumer,
        service,
        inputs,
        history,
        factory,
        partitions,
        check,
        member.restored,
        member.rejoin,
        member.is_known,
    )
    try:
        with translating(clients.servers):
            consumer.subscribe([clients.topic(topic) for topic in inputs], listener=member)
            member.around = around
            await consumer.start()
        await member.run(check)
    finally:
        await member.end()
        await consumer.stop()


class _Member(ConsumerRebalanceListener):
    """This process in the group: an owner per partition that is assigned to it."""

    around: Surroundings

    def __init__(self, clients: Clients, service: str) -> None:
        self._clients = clients
        self._service = service
        self._owners: dict[int, tuple[Owner, asyncio.Task[None]]] = {}
        self._restored: set[int] = set()
        self._failure: BaseException | None = None

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:  # noqa: ARG002
        """A rebalance begins. Nothing is let go of yet: most comes straight back."""
        for owner, _ in self._owners.values():
            owner.suspend()

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """A rebalance has ended."""
        try:
            self.around.consumer.pause(*assigned)
            partitions = {place.partition for place in assigned}
            await self._let_go([partition for partition in self._owners if partition not in partitions])
            for partition in sorted(partitions):
                self._own(partition)
        except Exception as error:
            # aiokafka would write it down and go on.
            self._failure = error

    def _own(self, partition: int) -> None:
        known = self._owners.get(partition)
        if known is not None and not known[1].done():
            known[0].resume()
            return
        owner = Owner(self.around, partition)
        task = asyncio.create_task(owner.run(), name=f"ownstack-bus {self._service} {partition}")
        self._owners[partition] = (owner, task)

    async def _let_go(self, partitions: Collection[int]) -> None:
        tasks = [self._owners.pop(partition)[1] for partition in partitions]
        self._restored.difference_update(partitions)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=LETTING_GO_S)
            self._tell()

    def restored(self, partition: int) -> None:
        """A partition decides from here on."""
        self._restored.add(partition)
        self._tell()

    def rejoin(self) -> None:
        """Ask the group anew whose the partitions are."""
        self._coordinator.request_rejoin()

    def is_known(self) -> asyncio.Future[bool]:
        """Whether the group still counts this process among its members."""
        known: asyncio.Future[bool] = asyncio.ensure_future(self._coordinator._do_heartbeat())
        return known

    @property
    def _coordinator(self) -> Any:
        return self.around.consumer._coordinator

    def _tell(self) -> None:
        self._clients.meter.assigned(self._service, sorted(self._restored))

    async def run(self, check: Check) -> None:
        """Look after the owners until cancelled."""
        while True:
            check()
            if self._failure is not None:
                raise self._failure
            for partition, (owner, task) in list(self._owners.items()):
                if task.done() and not task.cancelled():
                    task.result()
                self._see_to(partition, owner)
            await asyncio.sleep(LOOK_S)

    def _see_to(self, partition: int, owner: Owner) -> None:
        since = owner.busy_since
        if since is not None and asyncio.get_running_loop().time() - since > STALLED_S:
            raise BusError(
                "bus-stalled",
                f"Partition {partition} of {self._service!r} has inputs and commits nothing for {STALLED_S:.0f} s. "
                "Nothing is lost; start this process again.",
            )

    async def end(self) -> None:
        """Let go of all partitions."""
        await self._let_go(list(self._owners))
