"""`process` on Kafka: the members of a group share the partitions, and each partition has an owner.

An owner's transactional producer fences whoever owned the partition before, so two never write for one partition,
whatever each believes; `ownstack_bus.kafka.owning` says how an owner lives.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence

from aiokafka import AIOKafkaConsumer
from aiokafka.coordinator.assignors.range import RangePartitionAssignor

from ownstack_bus.kafka.clients import Clients
from ownstack_bus.kafka.errors import UNAVAILABLE, translating
from ownstack_bus.kafka.membership import Membership
from ownstack_bus.kafka.owning import Factory, Surroundings
from ownstack_bus.kafka.reading import Check
from ownstack_bus.kafka.starting import start, stop
from ownstack_bus.kafka.topics import counts_of
from ownstack_bus.port import BusError

logger = logging.getLogger(__name__)

FETCH_WAIT_MS = 100
"""A fetch that finds nothing takes so long; what is resumed meanwhile waits for its end."""

FIRST_DELAY_S = 0.1
LAST_DELAY_S = 5.0


async def process(
    clients: Clients, service: str, inputs: Sequence[str], history: str, factory: Factory, check: Check
) -> None:
    """See Bus. check: asked again and again whether to go on; what it raises is raised.

    Raises BusError `bus-optimised`, `unknown-topic`, `bus-topics-differ`, `bus-stalled`, `processor-failed`, and as
    `translated` says.
    """
    if not __debug__:
        raise BusError("bus-optimised", "Python runs with -O, which strips checks that fencing relies on. Run without.")
    consumer, counts = await _started(clients, service, check)
    try:
        _check_counts(counts, [*inputs, history])
        membership = Membership(clients, consumer, service, inputs)
        around = Surroundings(clients, membership, service, inputs, history, factory, counts, check)
        with translating(clients.servers):
            await membership.run(around)
    finally:
        await stop(consumer)


async def _started(clients: Clients, service: str, check: Check) -> tuple[AIOKafkaConsumer, Mapping[str, int]]:
    """A consumer, and the partitions of all topics, as soon as the cluster can be reached."""
    delay = FIRST_DELAY_S
    while True:
        check()
        consumer = clients.consumer(
            group_id=clients.named(service),
            partition_assignment_strategy=(RangePartitionAssignor,),
            fetch_max_wait_ms=FETCH_WAIT_MS,
            **clients.session(),
        )
        try:
            with translating(clients.servers):
                await start(consumer)
                return consumer, await counts_of(clients)
        except BaseException as error:
            await stop(consumer)
            if not isinstance(error, BusError) or error.code != UNAVAILABLE:
                raise
            if delay == FIRST_DELAY_S:
                logger.warning("%r waits: %s", service, error)
        await asyncio.sleep(delay)
        delay = min(2 * delay, LAST_DELAY_S)


def _check_counts(counts: Mapping[str, int], topics: Sequence[str]) -> None:
    unknown = [topic for topic in topics if topic not in counts]
    if unknown:
        raise BusError("unknown-topic", f"There is no topic {unknown[0]!r}. There are {', '.join(counts)}.")
    if len({counts[topic] for topic in topics}) > 1:
        listed = ", ".join(f"{topic} has {counts[topic]}" for topic in topics)
        raise BusError(
            "bus-topics-differ",
            f"Topics that are processed together need the same number of partitions, and {listed}. `ownstack bus "
            "setup` says what each must have.",
        )
