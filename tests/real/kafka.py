"""A real Kafka for tests, one per run; each test has topics of its own.

From OWNSTACK_TEST_KAFKA if given (`host:port`); else a container where a Docker engine answers; else a broker of this
machine, which takes Java and Maven. What can't be had is skipped, saying how to get it; with CI set it fails.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from uuid import uuid4

import pytest
from tests.real import brokers
from tests.real.engine import engine_answers

from ownstack_bus.kafka import KafkaBus, KafkaSettings
from ownstack_bus.kafka.clients import Clients
from ownstack_bus.kafka.topics import set_up
from ownstack_contracts.topics import TOPICS

IMAGE = "apache/kafka:4.1.1"
HOW = (
    "Kafka is not here, so nothing was tested on it. Give one: OWNSTACK_TEST_KAFKA=host:port, or a Docker engine with "
    "testcontainers, or Java 17 and Maven (apt-get install openjdk-17-jre-headless maven)."
)


class NoKafka(Exception):
    """There is none in this way."""


@cache
def server() -> str | None:
    """`host:port` of the broker of this run, started if need be; None if there is none."""
    given = os.environ.get("OWNSTACK_TEST_KAFKA")
    if given:
        return given
    for way in (_container, _installed):
        try:
            return way()
        except NoKafka as why:
            print(f"no Kafka from {way.__name__.strip('_')}: {why}", file=sys.stderr)
    return None


def kafka() -> str:
    """`host:port` of the broker of this run; the test is skipped if there is none, and fails in CI."""
    found = server()
    if found is None:
        _lacking()
    assert found
    return found


def need_brokers() -> None:
    """For tests that stop and start brokers: skipped where none can be run, and failed in CI."""
    if not brokers.possible():
        _lacking()


def new_prefix() -> str:
    """Before the names of a test's own topics."""
    return f"test-{uuid4().hex[:12]}."


@asynccontextmanager
async def new_topics(servers: str, partitions: int = 12, **settings: object) -> AsyncIterator[KafkaSettings]:
    """All topics, empty, under a prefix that the settings name; deleted afterwards."""
    chosen = KafkaSettings(prefix=new_prefix(), **settings)  # type: ignore[arg-type]
    clients = Clients(servers, chosen)
    await set_up(clients, partitions)
    try:
        yield chosen
    finally:
        admin = clients.admin()
        await admin.start()
        try:
            await admin.delete_topics([clients.topic(name) for name in TOPICS])
        finally:
            await admin.close()


@asynccontextmanager
async def new_bus(partitions: int = 12, **settings: object) -> AsyncIterator[KafkaBus]:
    """A bus whose topics are empty, on the broker of this run."""
    servers = await asyncio.to_thread(kafka)
    async with new_topics(servers, partitions, **settings) as chosen:
        bus = await KafkaBus.open(servers, chosen)
        try:
            yield bus
        finally:
            await bus.close()


def _lacking() -> None:
    if os.environ.get("CI"):
        pytest.fail(HOW)
    pytest.skip(HOW)


def _container() -> str:
    """A container, ended with this run."""
    if not engine_answers():
        raise NoKafka("no Docker engine answers")
    try:
        import docker  # noqa: PLC0415 - where it is not, there are other ways
        from testcontainers.core.container import DockerContainer  # noqa: PLC0415 - as above
        from testcontainers.core.wait_strategies import LogMessageWaitStrategy  # noqa: PLC0415 - as above
    except ImportError as error:
        raise NoKafka(f"{error.name} is not installed") from None
    port = brokers.free_port()  # the broker tells it to its clients, so it must be known before the broker starts
    container = DockerContainer(IMAGE).with_bind_ports(9092, port)
    found = f"{container.get_container_host_ip()}:{port}"
    for name, value in _environment(found).items():
        container.with_env(name, value)
    container.waiting_for(LogMessageWaitStrategy("Kafka Server started"))
    try:
        container.start()
    except docker.errors.APIError as error:
        raise NoKafka(f"{IMAGE} can't be had: {error.explanation}") from None
    atexit.register(container.stop)
    return found


def _environment(advertised: str) -> dict[str, str]:
    """Of the published image (testcontainers' own KafkaContainer knows only Confluent's): one broker, quick to join."""
    return {
        "KAFKA_NODE_ID": "1",
        "KAFKA_PROCESS_ROLES": "broker,controller",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@localhost:9093",
        "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "KAFKA_LISTENERS": "PLAINTEXT://:9092,CONTROLLER://:9093",
        "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://{advertised}",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS": "8",
        "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_NUM_PARTITIONS": "8",
        "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
        "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
        "KAFKA_GROUP_MIN_SESSION_TIMEOUT_MS": "1000",
        "KAFKA_HEAP_OPTS": "-Xmx512m",
    }


def _installed() -> str:
    """A broker of this machine, ended with this run."""
    if not brokers.possible():
        raise NoKafka("java is not installed, or mvn is needed to fetch the jars")
    folder = Path(tempfile.mkdtemp(prefix="ownstack-kafka-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    try:
        cluster = brokers.cluster(folder)
    except subprocess.CalledProcessError as error:
        raise NoKafka(f"{error.cmd[0]} failed") from None
    atexit.register(cluster.stop)
    cluster.start()
    return cluster.servers
