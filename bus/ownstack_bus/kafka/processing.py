"""`process` on Kafka: the members of a group share the partitions, and each partition has an owner.

An owner's transactional producer fences whoever owned the partition before, so two never write for one partition,
whatever each believes; `ownstack_bus.kafka.owning` says how an owner lives.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import UnknownTopicOrPartitionError

from ownstack_bus.kafka.clients import Clients
from ownstack_bus.kafka.errors import translated, translating
from ownstack_bus.kafka.membership import Membership
from ownstack_bus.kafka.owning import Factory, Surroundings
from ownstack_bus.kafka.reading import Check
from ownstack_bus.kafka.starting import STEADY_S, started
from ownstack_bus.kafka.topics import counts_of
from ownstack_bus.port import BusError
from ownstack_bus.waiting import Waiting

FETCH_WAIT_MS = 100
"""A fetch that finds nothing takes so long; what is resumed meanwhile waits for its end."""


async def process(
    clients: Clients, service: str, inputs: Sequence[str], history: str, factory: Factory, check: Check
) -> None:
    """See Bus. A cluster that is away is waited for. check: asked again and again whether to go on; what it raises is
    raised.

    Raises BusError `bus-optimised`, `bus-topics-differ`, `bus-stalled`, `processor-failed`, and what `translated` tells
    and does not pass.
    """
    if not __debug__:
        raise BusError("bus-optimised", "Python runs with -O, which strips checks that fencing relies on. Run without.")
    waiting = Waiting(repr(service), STEADY_S)
    while True:
        check()
        consumer = clients.consumer(
            group_id=clients.named(service),
            partition_assignment_strategy=(RangePartitionAssignor,),
            fetch_max_wait_ms=FETCH_WAIT_MS,
            **clients.session(),
        )
        try:
            async with started(clients, consumer):
                counts = await counts_of(clients)
                _check_counts(clients, counts, [*inputs, history])
                membership = Membership(clients, consumer, service, inputs, waiting.over)
                around = Surroundings(clients, membership, service, inputs, history, factory, counts, check)
                with translating(clients.servers):
                    await membership.run(around)
        except BusError as error:
            check()
            await waiting.out(error)


def _check_counts(clients: Clients, counts: Mapping[str, int], topics: Sequence[str]) -> None:
    missing = [clients.topic(topic) for topic in topics if topic not in counts]
    if missing:
        raise translated(UnknownTopicOrPartitionError(missing[0]), clients.servers)
    if len({counts[topic] for topic in topics}) > 1:
        listed = ", ".join(f"{topic} has {counts[topic]}" for topic in topics)
        raise BusError(
            "bus-topics-differ",
            f"Topics that are processed together need the same number of partitions, and {listed}. `ownstack bus "
            "setup` says what each must have.",
        )
