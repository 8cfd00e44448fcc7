"""A member's partitions through rebalances: what stays goes on undisturbed, what has gone is let go of."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.abc import ConsumerRebalanceListener
from aiokafka.errors import KafkaError

from ownstack_bus.kafka.committing import Committer
from ownstack_bus.kafka.errors import passes
from ownstack_bus.kafka.group import Group, Membership
from ownstack_bus.kafka.holding import Holding, Mark

logger = logging.getLogger(__name__)

LAST_COMMIT_S = 1.0
"""A rebalance waits for commits so long at most; for jobs it never waits."""

RETRY_S = 0.2


class Joining(ConsumerRebalanceListener):
    """Told by aiokafka of each rebalance. Partitions that were assigned are paused until they are adopted here."""

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        group: Group,
        committer: Committer,
        gone: Callable[[Holding], None],
        adopted: Callable[[Collection[TopicPartition]], None],
    ) -> None:
        """gone: told of a partition that is not ours any more. adopted: told which ones are, all told."""
        self._consumer = consumer
        self._group = group
        self._committer = committer
        self._gone = gone
        self._adopted = adopted
        self._assigned: frozenset[TopicPartition] = frozenset()
        self._membership: Membership | None = None
        self._changed = asyncio.Event()
        self._failure: Exception | None = None
        self.held: dict[TopicPartition, Holding] = {}
        self.settled = False
        """Whether all that is held is ours, and no rebalance is under way."""

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:  # noqa: ARG002
        """A rebalance begins. Nothing is let go of yet: most comes straight back."""
        self.settled = False
        self._membership = None
        try:
            await self._committer.suspend(LAST_COMMIT_S)
        except Exception:
            logger.exception("The last commit before a rebalance failed; it is tried again after it")

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """A rebalance has ended."""
        try:
            self._consumer.pause(*assigned)
            for place in self.held.keys() - set(assigned):
                self._let_go(place)
            self._assigned = frozenset(assigned)
            self._membership = self._group.membership
            self._changed.set()
        except Exception as error:
            # aiokafka would write it down and go on.
            self._failure = error
            self._changed.set()

    async def run(self) -> None:
        """Adopt what is assigned, until cancelled.

        Raises KafkaError: the cluster refuses for good.
        """
        while True:
            await self._changed.wait()
            self._changed.clear()
            if self._failure:
                raise self._failure
            if self._membership:
                await self._adopt(self._assigned, self._membership)

    async def _adopt(self, places: Collection[TopicPartition], membership: Membership) -> None:
        committed = await self._group.committed(places)
        starts = await self._starts([place for place, mark in committed.items() if mark is None])
        if membership != self._membership:
            return  # the next rebalance has begun
        for place in places:
            self._hold(place, committed[place], starts.get(place, 0))
        self.settled = True
        self._committer.resume(membership)
        self._adopted(places)
        self._consumer.resume(*(place for place in places if not self.held[place].full))

    def _hold(self, place: TopicPartition, committed: Mark | None, start: int) -> None:
        holding = self.held.get(place)
        if holding and not holding.matches(committed):
            logger.warning("%s/%d was another member's for a while: it is begun anew", *place)
            self._let_go(place)
            holding = None
        if holding is None:
            holding = self.held[place] = Holding(place, committed, start)
        self._consumer.seek(place, holding.wanted)

    def _let_go(self, place: TopicPartition) -> None:
        holding = self.held.pop(place)
        self._committer.lose(holding)
        self._gone(holding)

    async def _starts(self, places: Collection[TopicPartition]) -> dict[TopicPartition, int]:
        while places:
            try:
                starts: dict[TopicPartition, int] = await self._consumer.beginning_offsets(list(places))
            except KafkaError as error:
                if not passes(error):
                    raise
                await asyncio.sleep(RETRY_S)
            else:
                return starts
        return {}
