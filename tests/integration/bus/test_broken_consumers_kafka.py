"""aiokafka's consumers while their tasks in the background meet what they do not expect: all goes on with others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

import pytest
from aiokafka.client import AIOKafkaClient
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.consumer.group_coordinator import CoordinatorGroupRebalance, GroupCoordinator
from aiokafka.errors import GroupLoadInProgressError, KafkaError
from tests.contract.bus.parts import C, D, Echo, H, Rows, Seen, keys_on, numbered, running
from tests.integration.bus.members import GROUP, Cluster, cluster_at
from tests.real.kafka import kafka

from ownstack_bus.port import Bus, Inbox, Record

COUNT = 20

Running = Coroutine[Any, Any, None]


@pytest.fixture
async def cluster() -> AsyncIterator[Cluster]:
    async with cluster_at(await asyncio.to_thread(kafka)) as cluster:
        yield cluster


class Fault:
    """Raised by one call, once it is due. coordinators: of all consumers in a group."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.coordinators: list[GroupCoordinator] = []
        self.due = False
        self.met: Seen[Exception] = Seen()

    def instead_of(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            if self.due:
                self.due = False
                self.met.add(self.error)
                raise self.error
            return real(*arguments)

        return call


FAULTS: dict[str, tuple[type, str, Exception]] = {
    "a heartbeat meets a connection that has gone": (GroupCoordinator, "_do_heartbeat", KeyError((1, "coordination"))),
    "the coordination ends": (GroupCoordinator, "need_rejoin", AssertionError()),
    "the fetching ends": (Fetcher, "_get_actions_per_node", KeyError((1, "default"))),
    "a coordinator is loading": (
        CoordinatorGroupRebalance,
        "_send_sync_group_request",
        KafkaError(repr(GroupLoadInProgressError())),
    ),
}


@pytest.fixture(params=list(FAULTS.values()), ids=list(FAULTS))
def fault(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Fault:
    owner, name, error = request.param
    fault = Fault(error)
    monkeypatch.setattr(owner, name, fault.instead_of(getattr(owner, name)))
    init: Any = GroupCoordinator.__init__

    def begun(coordinator: GroupCoordinator, *arguments: Any, **options: Any) -> None:
        init(coordinator, *arguments, **options)
        fault.coordinators.append(coordinator)

    monkeypatch.setattr(GroupCoordinator, "__init__", begun)
    return fault


def projected(bus: Bus, seen: Seen[Record]) -> tuple[str, Running]:
    rows = Rows()
    rows.seen = seen
    return H, bus.project(H, GROUP, rows)


def worked(bus: Bus, seen: Seen[Record]) -> tuple[str, Running]:
    async def act(inbox: Inbox) -> None:
        while record := await inbox.get(0):
            await inbox.done(record)
            seen.add(record)

    return D, bus.work(D, GROUP, act)


def processed(bus: Bus, seen: Seen[Record]) -> tuple[str, Running]:
    return C, bus.process(GROUP, [C], H, lambda partition: Echo(partition, seen))


@pytest.mark.parametrize("verb", [projected, worked, processed])
async def test_each_record_is_handled_once(
    cluster: Cluster, verb: Callable[[Bus, Seen[Record]], tuple[str, Running]], fault: Fault
) -> None:
    seen: Seen[Record] = Seen()
    bus, publisher = await cluster.bus(), await cluster.bus()
    topic, running_verb = verb(bus, seen)
    keys = [next(keys_on(partition, 4)) for partition in range(4)]

    async def publish(first: int) -> None:
        await publisher.publish([record for key in keys for record in numbered(topic, key, COUNT, first)])

    async with running(running_verb):
        await publish(0)
        await seen.reach(4 * COUNT)
        fault.due = True
        fault.coordinators[-1].request_rejoin()  # as when another member comes
        await fault.met.reach(1)
        await publish(COUNT)
        await seen.reach(8 * COUNT)
    places = [(record.partition, record.offset) for record in seen.items]
    assert len(places) == len(set(places)) == 8 * COUNT


async def test_brokers_that_go_while_a_member_joins_are_not_taken_for_such_that_lack_its_topic(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    cluster.settings = cluster.settings.model_copy(update={"request_timeout": 1.0})
    bus, rows, away = await cluster.bus(), Rows(), [True] * 30
    update: Any = AIOKafkaClient._metadata_update

    async def told(client: AIOKafkaClient, *arguments: Any) -> bool:
        if away:
            away.pop()
            return False  # as when none of them answers
        return bool(await update(client, *arguments))

    await bus.publish(numbered(H, "acme", 1))
    monkeypatch.setattr(AIOKafkaClient, "_metadata_update", told)
    async with running(bus.project(H, GROUP, rows)):
        await rows.seen.reach(1)
    assert [message for message in caplog.messages if "waits, and goes on by itself" in message]
