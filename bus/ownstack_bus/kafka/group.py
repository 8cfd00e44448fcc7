"""What a member says to its group's coordinator: commits under its own membership, and what the group has committed.

aiokafka's own `commit` speaks for whatever membership there is at that moment, none included, which a group without
members believes: after a pause it could write over what others did meanwhile. And its `committed` takes a coordinator
that is loading, or that is none any more, for a group that has committed nothing. So both are said here, over
aiokafka's connection to the coordinator.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import (
    BrokerResponseError,
    GroupCoordinatorNotAvailableError,
    GroupLoadInProgressError,
    IllegalGenerationError,
    KafkaError,
    NoError,
    NotCoordinatorForGroupError,
    OffsetMetadataTooLargeError,
    RebalanceInProgressError,
    RequestTimedOutError,
    UnknownMemberIdError,
    for_code,
)
from aiokafka.protocol.commit import OffsetCommitRequest, OffsetFetchRequest

from ownstack_bus.kafka.errors import passes
from ownstack_bus.kafka.holding import Mark
from ownstack_bus.kafka.marks import MAX_CHARACTERS
from ownstack_bus.port import BusError

logger = logging.getLogger(__name__)

RETRY_S = 0.1
NONE = -1
"""The offset of a partition of which nothing was committed."""
_OVER = (IllegalGenerationError, UnknownMemberIdError, RebalanceInProgressError)
_MOVED = (GroupCoordinatorNotAvailableError, NotCoordinatorForGroupError, RequestTimedOutError)


class Membership(NamedTuple):
    """As whom the coordinator knows a member between two rebalances."""

    generation: int
    member: str


class Group:
    """The group that a started consumer with a subscription belongs to."""

    def __init__(self, consumer: AIOKafkaConsumer, name: str) -> None:
        self._name = name
        self._coordinator: Any = consumer._coordinator

    @property
    def membership(self) -> Membership:
        """As whom the group was joined last."""
        return Membership(self._coordinator.generation, self._coordinator.member_id)

    async def committed(self, places: Collection[TopicPartition]) -> dict[TopicPartition, Mark | None]:
        """What the group has, however long it takes to be told.

        Raises KafkaError: refused for good.
        """
        while places:
            try:
                await self._coordinator.ensure_coordinator_known()
                return await self._ask(places)
            except KafkaError as error:
                if not passes(error):
                    raise
                await asyncio.sleep(RETRY_S)
        return {}

    async def _ask(self, places: Collection[TopicPartition]) -> dict[TopicPartition, Mark | None]:
        topics = defaultdict(list)
        for place in places:
            topics[place.topic].append(place.partition)
        response = await self._coordinator._send_req(OffsetFetchRequest(self._name, list(topics.items())))
        self._check(for_code(response.error_code))
        found: dict[TopicPartition, Mark | None] = {}
        for topic, answers in response.topics:
            for partition, offset, metadata, code in answers:
                self._check(for_code(code))
                found[TopicPartition(topic, partition)] = None if offset == NONE else (offset, metadata)
        if found.keys() != set(places):
            raise GroupLoadInProgressError  # whoever knows nothing of a partition says so
        return found

    async def commit(self, membership: Membership, marks: Mapping[TopicPartition, Mark]) -> bool:
        """Whether these are committed now; if not, the membership is over. Waits while the cluster can't be reached.

        Raises KafkaError: refused for good; BusError `bus-metadata-refused`.
        """
        delayed = False
        while True:
            try:
                await self._coordinator.ensure_coordinator_known()
                await self._try_to_commit(membership, marks)
            except _OVER as error:
                logger.info("Group %s: a commit came too late: %s", self._name, error)
                self._rejoin(membership, error)
                return False
            except KafkaError as error:
                if not passes(error):
                    raise
                if not delayed:
                    logger.warning("Group %s: a commit has to wait: %r", self._name, error)
                delayed = True
                await asyncio.sleep(RETRY_S)
            else:
                return True

    async def _try_to_commit(self, membership: Membership, marks: Mapping[TopicPartition, Mark]) -> None:
        topics = defaultdict(list)
        for place, (offset, metadata) in marks.items():
            topics[place.topic].append((place.partition, offset, metadata))
        retention = OffsetCommitRequest.DEFAULT_RETENTION_TIME
        request = OffsetCommitRequest(self._name, *membership, retention, list(topics.items()))
        response = await self._coordinator._send_req(request)
        for code in {code for _, answers in response.topics for _, code in answers}:
            self._check(for_code(code))

    def _check(self, error: type[BrokerResponseError]) -> None:
        if error is NoError:
            return
        if error in _MOVED:
            self._coordinator.coordinator_dead()
        if error is OffsetMetadataTooLargeError:
            raise BusError(
                "bus-metadata-refused",
                f"The cluster takes less than {MAX_CHARACTERS} bytes of metadata with a commit. Set its "
                f"offset.metadata.max.bytes to {MAX_CHARACTERS}, which is its default.",
            )
        raise error()

    def _rejoin(self, membership: Membership, error: KafkaError) -> None:
        """What the next heartbeat would find out."""
        if membership != self.membership:
            return
        if isinstance(error, RebalanceInProgressError):
            self._coordinator.request_rejoin()
        else:
            self._coordinator.reset_generation()
