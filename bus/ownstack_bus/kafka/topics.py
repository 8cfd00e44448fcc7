"""What each topic on a cluster must be; makes those that are missing, and says what differs in those that are there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from aiokafka import errors as kafka
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from ownstack_bus.kafka.clients import MAX_REQUEST_BYTES, Clients
from ownstack_bus.kafka.errors import translated, translating
from ownstack_bus.kafka.starting import started
from ownstack_bus.port import BusError
from ownstack_contracts.topics import COMMANDS, DEFAULT_PARTITIONS, HISTORY, REPORTS, TOPICS, Topic

UNBOUNDED = -1
TOGETHER = (COMMANDS.name, REPORTS.name, HISTORY.name)
"""One owner has partition p of all of these, so they have the same number."""

PAUSE_S = 0.05
APPEAR_S = 30.0


@dataclass(frozen=True, slots=True)
class Found:
    """A topic as it is on the cluster. settings: those that this bus cares for."""

    partitions: int
    replication: int
    settings: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Difference:
    """A setting of a topic that is not as it must be. `missing`: of a topic that is not there."""

    topic: str
    setting: str
    found: str
    wanted: str

    def __str__(self) -> str:
        return f"{self.topic}: {self.setting} is {self.found}, and must be {self.wanted}"


@dataclass(frozen=True, slots=True)
class Setup:
    """What was found: topics that are missing, or were made; and what differs in the others from the `partitions` and
    copies (`replication`) that each is to have."""

    missing: Sequence[str]
    differences: Sequence[Difference]
    partitions: int
    replication: int


def settings_of(topic: Topic, replication: int) -> dict[str, str]:
    """The settings of a topic of ours, as Kafka names them."""
    retention = UNBOUNDED if topic.retention is None else topic.retention // timedelta(milliseconds=1)
    return {
        "cleanup.policy": "delete",
        "retention.ms": str(retention),
        "retention.bytes": str(UNBOUNDED),
        "max.message.bytes": str(MAX_REQUEST_BYTES),
        "compression.type": "uncompressed",  # whatever a publisher chose can be read by all, and is as large as it says
        "message.timestamp.type": "LogAppendTime",
        "min.insync.replicas": str(2 if replication >= 3 else 1),
        "unclean.leader.election.enable": "false",
    }


async def set_up(clients: Clients, partitions: int = DEFAULT_PARTITIONS, replication: int | None = None) -> Setup:
    """Make the topics that are missing. `missing` of the answer are those that were; what is there stays as it is.

    replication: None: 3 where there are three brokers or more, else 1. Raises BusError: `bus-replication`, and as
    `check` for a cluster that can't be reached.
    """
    async with _admin(clients) as admin:
        copies = replication or await default_replication(admin)
        found = await _found(clients, admin)
        missing = [topic for name, topic in TOPICS.items() if name not in found]
        differences = differing(found, partitions, copies)
        if missing and not differences:
            await _create(clients, admin, missing, partitions, copies)
            await _appear(clients, admin)
        return Setup([topic.name for topic in missing], differences, partitions, copies)


async def counts_of(clients: Clients) -> dict[str, int]:
    """How many partitions each topic of ours has. Raises BusError."""
    async with _admin(clients) as admin:
        return {name: topic.partitions for name, topic in (await _found(clients, admin)).items()}


async def check(clients: Clients) -> dict[str, int]:
    """Whether all topics are there and as they must be, with whatever number of partitions and copies was chosen.

    Returns how many partitions each has.

    Raises BusError `bus-topics-missing`, `bus-topics-differ`.
    """
    async with _admin(clients) as admin:
        found = await _found(clients, admin)
    missing = [name for name in TOPICS if name not in found]
    if missing:
        raise BusError(
            "bus-topics-missing",
            f"Kafka at {clients.servers} has no {', '.join(map(clients.topic, missing))}. Run `ownstack bus setup`.",
        )
    differences = differing(found, None, None)
    if differences:
        listed = "; ".join(map(str, differences))
        raise BusError(
            "bus-topics-differ",
            f"Topics on Kafka at {clients.servers} are not as they must be: {listed}. `ownstack bus setup` lists what "
            "differs; change it with Kafka's own tools.",
        )
    return {name: topic.partitions for name, topic in found.items()}


def differing(found: Mapping[str, Found], partitions: int | None, replication: int | None) -> list[Difference]:
    """What is not as it must be in topics that are there. None: whatever was chosen when they were made."""
    differences: list[Difference] = []
    for name, topic in found.items():
        differences += _of_one(TOPICS[name], topic, partitions, replication)
    counts = {name: found[name].partitions for name in TOGETHER if name in found}
    if partitions is None and len(set(counts.values())) > 1:
        wanted = str(found[HISTORY.name].partitions) if HISTORY.name in found else "the same in all"
        differences += [
            Difference(name, "partitions", str(count), f"{wanted}, as of {HISTORY.name}")
            for name, count in counts.items()
            if str(count) != wanted
        ]
    return differences


def _of_one(topic: Topic, found: Found, partitions: int | None, replication: int | None) -> Iterable[Difference]:
    if partitions is not None and found.partitions != partitions:
        yield Difference(topic.name, "partitions", str(found.partitions), str(partitions))
    if replication is not None and found.replication != replication:
        yield Difference(topic.name, "replication", str(found.replication), str(replication))
    for setting, wanted in settings_of(topic, found.replication).items():
        value = found.settings.get(setting, "unknown")
        if not _will_do(setting, value, wanted):
            yield Difference(topic.name, setting, value, wanted)


def _will_do(setting: str, value: str, wanted: str) -> bool:
    """More than what is needed is right, too, where it does no harm."""
    if value == wanted:
        return True
    if setting in {"max.message.bytes", "min.insync.replicas"} and value.isdigit():
        return int(value) > int(wanted)
    if setting == "retention.ms" and value.lstrip("-").isdigit():
        return int(value) == UNBOUNDED or (int(wanted) != UNBOUNDED and int(value) > int(wanted))
    return False


async def default_replication(admin: AIOKafkaAdminClient) -> int:
    """3 where there are three brokers or more, else 1."""
    cluster = await admin.describe_cluster()
    return 3 if len(cluster["brokers"]) >= 3 else 1


@asynccontextmanager
async def _admin(clients: Clients) -> AsyncIterator[AIOKafkaAdminClient]:
    async with started(clients, clients.admin()) as admin:
        with translating(clients.servers):
            yield admin


async def _found(clients: Clients, admin: AIOKafkaAdminClient) -> dict[str, Found]:
    names = {clients.topic(name): name for name in TOPICS}
    described = {}
    for topic in await admin.describe_topics(list(names)):
        if topic["error_code"] == kafka.UnknownTopicOrPartitionError.errno:
            continue
        if topic["error_code"]:
            raise kafka.for_code(topic["error_code"])(topic["topic"])
        described[topic["topic"]] = topic["partitions"]
    settings = await _settings(admin, list(described))
    return {
        name: Found(len(parts), min(len(part["replicas"]) for part in parts), settings[topic])
        for topic, name in names.items()  # in the order in which they are told
        if (parts := described.get(topic))
    }


async def _settings(admin: AIOKafkaAdminClient, topics: Sequence[str]) -> dict[str, dict[str, str]]:
    if not topics:
        return {}
    wanted = dict.fromkeys(settings_of(HISTORY, 1))
    resources = [ConfigResource(ConfigResourceType.TOPIC, topic, wanted) for topic in topics]
    found: dict[str, dict[str, str]] = {}
    responses: list[Any] = await admin.describe_configs(resources)
    for response in responses:
        for code, message, _, name, entries in response.resources:
            if code:
                raise kafka.for_code(code)(message)
            found[name] = {entry[0]: entry[1] for entry in entries}
    return found


async def _create(
    clients: Clients, admin: AIOKafkaAdminClient, topics: Sequence[Topic], partitions: int, replication: int
) -> None:
    response: Any = await admin.create_topics(
        [
            NewTopic(clients.topic(topic.name), partitions, replication, topic_configs=settings_of(topic, replication))
            for topic in topics
        ]
    )
    for name, code, *message in response.topic_errors:
        said = f"{name}: {message[0] if message else ''}"
        if code == kafka.InvalidReplicationFactorError.errno:
            raise BusError("bus-replication", f"{said} Choose fewer copies (--replication), or start more brokers.")
        if code not in {0, kafka.TopicAlreadyExistsError.errno}:
            error = kafka.for_code(code)(said)
            raise translated(error, clients.servers) from error


async def _appear(clients: Clients, admin: AIOKafkaAdminClient) -> None:
    """Brokers hear of new topics a little later than who made them."""
    async with asyncio.timeout(APPEAR_S):
        while not await _led(clients, admin):  # noqa: ASYNC110 - brokers tell nobody
            await asyncio.sleep(PAUSE_S)


async def _led(clients: Clients, admin: AIOKafkaAdminClient) -> bool:
    topics = await admin.describe_topics([clients.topic(name) for name in TOPICS])
    return all(
        topic["error_code"] == 0 and topic["partitions"] and all(part["leader"] >= 0 for part in topic["partitions"])
        for topic in topics
    )
