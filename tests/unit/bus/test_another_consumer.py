"""Consumers that are of no use any more are replaced, whichever verb they serve; topics that are gone may come back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import (
    CorruptRecordException,
    GroupAuthorizationFailedError,
    GroupLoadInProgressError,
    KafkaError,
    UnknownTopicOrPartitionError,
)
from tests.contract.bus.parts import C, D, Echo, H, Rows, Seen, running

from ownstack_bus.kafka import KafkaBus, KafkaSettings, processing
from ownstack_bus.kafka.clients import Clients
from ownstack_bus.port import BusError


class Consumer:
    """As far as the verbs see of aiokafka's."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._client, self._coordinator = self, None
        self._fetcher = SimpleNamespace(error_future=asyncio.get_running_loop().create_future())
        self._listener: Any = None
        self.stopped = self.closed = False

    def subscribe(self, topics: object, listener: object) -> None:
        self._listener = listener

    async def start(self) -> None:
        _meet(self._cluster.starts)
        if self._listener is not None:  # it has joined, and nothing is assigned to it
            await self._listener.on_partitions_assigned(())

    async def getmany(self, *_: object, **__: object) -> Mapping[Any, Any]:
        _meet(self._cluster.polls)
        self._cluster.polled.add(self)
        await asyncio.sleep(0.01)
        return {}

    async def stop(self) -> None:
        self.stopped = True
        _meet(self._cluster.stops)

    async def close(self) -> None:
        self.closed = True

    async def topics(self) -> set[str]:
        return self._cluster.told_topics()

    async def end_offsets(self, places: object) -> Mapping[Any, int]:
        return {}

    def pause(self, *places: object) -> None:
        """Nothing is fetched anyway."""

    resume = pause


def _meet(errors: list[Exception]) -> None:
    """Raise the next of these, if there is one."""
    if errors:
        raise errors.pop(0)


class Cluster:
    """A cluster of which nothing is there but its consumers. starts, polls, stops: what they meet, one after another.
    topics: of which it tells, the last of these from then on."""

    def __init__(self) -> None:
        self.starts: list[Exception] = []
        self.polls: list[Exception] = []
        self.stops: list[Exception] = []
        self.topics = [{C, D, H}]
        self.made: list[Consumer] = []
        self.polled: Seen[Consumer] = Seen()

    def consumer(self) -> Consumer:
        self.made.append(Consumer(self))
        return self.made[-1]

    def told_topics(self) -> set[str]:
        return self.topics.pop(0) if len(self.topics) > 1 else self.topics[0]


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    cluster = Cluster()

    async def counts(_: Clients) -> Mapping[str, int]:
        return dict.fromkeys(cluster.told_topics(), 2)

    monkeypatch.setattr(Clients, "consumer", lambda _, **__: cluster.consumer())
    monkeypatch.setattr(processing, "counts_of", counts)
    return cluster


@pytest.fixture
async def bus(cluster: Cluster) -> AsyncIterator[KafkaBus]:
    bus = KafkaBus(Clients("127.0.0.1:1", KafkaSettings(request_timeout=1)), {C: 2, D: 2, H: 2})
    yield bus
    await bus.close()


async def never(*_: object) -> None:
    """An actor that gets nothing."""
    raise AssertionError


Verb = Callable[[KafkaBus], Coroutine[Any, Any, None]]
VERBS: dict[str, Verb] = {
    "project": lambda bus: bus.project(H, "readmodel", Rows()),
    "work": lambda bus: bus.work(D, "deployers", never),
    "process": lambda bus: bus.process("promoter", [C], H, Echo),
}
every_verb = pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS)


async def until_polled_by_another(bus: KafkaBus, cluster: Cluster, verb: Verb) -> None:
    """The verb runs until the last of three consumers does its work, with all others stopped."""
    async with running(verb(bus)):
        await cluster.polled.until(lambda seen: len(cluster.made) == 3 and seen[-1:] == cluster.made[2:])
        assert [consumer.stopped for consumer in cluster.made] == [True, True, False]
    assert cluster.made[-1].stopped


@every_verb
@pytest.mark.parametrize(
    "met",
    [
        KafkaError("Unexpected error during coordination KeyError('1')"),
        KafkaError(repr(GroupLoadInProgressError())),
        KeyError("1"),
    ],
    ids=["its coordination has ended", "a coordinator that is loading", "a heartbeat that met whatever it was"],
)
async def test_a_consumer_whose_background_has_failed_is_replaced(
    bus: KafkaBus, cluster: Cluster, verb: Verb, met: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    cluster.polls += [met, met]
    await until_polled_by_another(bus, cluster, verb)
    warnings = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert ["waits, and goes on by itself" in warning for warning in warnings] == [True], "said once"


@every_verb
async def test_one_that_finds_no_topic_when_it_is_started_is_replaced(
    bus: KafkaBus, cluster: Cluster, verb: Verb
) -> None:
    cluster.starts += [UnknownTopicOrPartitionError(), UnknownTopicOrPartitionError()]
    await until_polled_by_another(bus, cluster, verb)


@pytest.mark.parametrize("verb", [VERBS["work"], VERBS["process"]], ids=["work", "process"])
async def test_topics_of_which_brokers_do_not_tell_for_now_are_waited_for(
    bus: KafkaBus, cluster: Cluster, verb: Verb, caplog: pytest.LogCaptureFixture
) -> None:
    cluster.topics[:0] = [{C}, set()]
    await until_polled_by_another(bus, cluster, verb)
    assert "ownstack bus setup" in caplog.messages[0]


@every_verb
@pytest.mark.parametrize(
    ("met", "code"),
    [
        (GroupAuthorizationFailedError("ours"), "bus-not-allowed"),
        (KafkaError(repr(GroupAuthorizationFailedError("ours"))), "bus-not-allowed"),
        (CorruptRecordException(), "bus-error"),
    ],
    ids=["not allowed", "not allowed, quoted", "damaged"],
)
async def test_what_does_not_pass_ends_it(
    bus: KafkaBus, cluster: Cluster, verb: Verb, met: Exception, code: str
) -> None:
    cluster.polls.append(met)
    with pytest.raises(BusError) as failed:
        await asyncio.wait_for(verb(bus), 10)
    assert (failed.value.code, [consumer.stopped for consumer in cluster.made]) == (code, [True])


@pytest.mark.parametrize(
    "verb",
    [
        lambda bus: bus.project("nonsense", "readmodel", Rows()),
        lambda bus: bus.work("nonsense", "deployers", never),
        lambda bus: bus.process("promoter", ["nonsense"], H, Echo),
        lambda bus: bus.process("promoter", [C], "nonsense", Echo),
    ],
    ids=["project", "work", "inputs", "history"],
)
async def test_a_topic_that_is_none_of_ours_is_not_waited_for(bus: KafkaBus, cluster: Cluster, verb: Verb) -> None:
    with pytest.raises(BusError) as refused:
        await asyncio.wait_for(verb(bus), 10)
    assert (refused.value.code, cluster.made) == ("unknown-topic", [])


async def test_a_bus_that_is_closed_waits_for_nothing(bus: KafkaBus, cluster: Cluster) -> None:
    cluster.polls += [KafkaError("Unexpected error during coordination")] * 1_000
    tasks = [asyncio.ensure_future(verb(bus)) for verb in VERBS.values()]
    while len(cluster.polls) > 1_000 - len(tasks):
        await asyncio.sleep(0)
    await bus.close()
    ended = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 10)
    assert [end.code for end in ended if isinstance(end, BusError)] == ["bus-closed"] * len(tasks)


async def test_what_the_sink_raises_is_raised_also_if_the_consumer_can_not_be_stopped(
    bus: KafkaBus, cluster: Cluster
) -> None:
    class Away(Rows):
        """Its database goes once it has said how far it is."""

        asked = 0

        async def positions(self) -> Mapping[int, int]:
            self.asked += 1
            if self.asked > 1:
                raise OSError("the database is away")
            return {}

    cluster.stops.append(KafkaError("Unexpected error during data retrieval"))
    with pytest.raises(OSError, match="the database is away"):
        await asyncio.wait_for(bus.project(H, "readmodel", Away()), 10)
    assert [consumer.closed for consumer in cluster.made] == [True]
