"""Clients of Kafka are started and stopped so that a cancellation is never lost."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.errors import KafkaError, TopicAuthorizationFailedError, UnknownTopicOrPartitionError

from ownstack_bus.kafka import KafkaSettings
from ownstack_bus.kafka.clients import Clients
from ownstack_bus.kafka.ending import close
from ownstack_bus.kafka.starting import begin, ended, start, started, stop
from ownstack_bus.port import BusError

CLIENTS = Clients("127.0.0.1:1", KafkaSettings(request_timeout=1))


class Swallowing:
    """A client that is stopped as aiokafka's are: it awaits a task of its own, whose cancellation it expects."""

    def __init__(self) -> None:
        self.stopping = asyncio.Event()
        self.go_on = asyncio.Event()
        self.stopped = False

    async def start(self) -> None:
        """Nothing is to be done."""

    async def stop(self) -> None:
        self.stopping.set()
        with suppress(asyncio.CancelledError):
            await self.go_on.wait()
        self.stopped = True


async def test_who_is_cancelled_while_a_client_is_stopped_is_cancelled() -> None:
    client = Swallowing()

    async def use() -> None:
        async with started(CLIENTS, client):  # type: ignore[type-var]
            pass

    using = asyncio.ensure_future(use())
    await client.stopping.wait()
    using.cancel()
    client.go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await using
    assert client.stopped


async def test_a_start_that_is_cancelled_comes_to_its_end_first() -> None:
    class Starting:
        """As aiokafka's clients: cancelled between two answers of a broker, it would forget to close a connection."""

        def __init__(self) -> None:
            self.begun, self.answered = asyncio.Event(), asyncio.Event()
            self.started = False

        async def start(self) -> None:
            self.begun.set()
            await self.answered.wait()
            self.started = True

    client = Starting()
    starting = asyncio.ensure_future(start(client))
    await client.begun.wait()
    starting.cancel()
    await asyncio.wait({starting}, timeout=0)
    client.answered.set()
    await asyncio.wait({starting})
    assert (starting.cancelled(), client.started) == (True, True)


async def test_a_client_is_stopped_to_its_end_before_the_cancellation_is_passed_on() -> None:
    client = Swallowing()
    stopping = asyncio.ensure_future(stop(client))
    await client.stopping.wait()
    stopping.cancel()
    await asyncio.wait({stopping}, timeout=0)
    assert not stopping.done()
    client.go_on.set()
    await asyncio.wait({stopping})
    assert (stopping.cancelled(), client.stopped) == (True, True)


async def test_a_client_whose_end_was_cancelled_from_inside_is_closed_and_nobody_else_is_cancelled() -> None:
    class Interrupted:
        """As a consumer is whose fetcher waits between two tries: the cancellation of its task leaves `stop`."""

        def __init__(self) -> None:
            self._client = self
            self.closed = False

        async def stop(self) -> None:
            raise asyncio.CancelledError

        async def close(self) -> None:
            self.closed = True

    client = Interrupted()
    await stop(client)
    assert client.closed


class Part:
    """Of a client: it has begun a task that goes on until it is cancelled."""

    def __init__(self, name: str) -> None:
        self.task = asyncio.ensure_future(asyncio.Event().wait())
        setattr(self, name, self.task)


class Broken:
    """As a consumer is whose routine has died: the error leaves `stop` before the rest is ended."""

    def __init__(self) -> None:
        self._client = self
        self._coordinator, self._fetcher = Part("_heartbeat_task"), Part("_fetch_task")
        self.closed = False
        self.fails: Exception = KafkaError("Unexpected error during data retrieval")

    async def start(self) -> None:
        """Nothing is to be done."""

    async def stop(self) -> None:
        raise self.fails

    async def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize("fails", [KafkaError("its fetcher failed"), KeyError("its connection")], ids=repr)
async def test_what_fails_when_a_client_is_stopped_is_said_and_the_rest_of_it_is_ended(
    fails: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    client = Broken()
    client.fails = fails
    await stop(client)
    assert (client.closed, client._coordinator.task.cancelled(), client._fetcher.task.cancelled()) == (True, True, True)
    assert ["cut off" in message and repr(fails) in message for message in caplog.messages] == [True]


async def test_connections_that_do_not_close_either_are_said(caplog: pytest.LogCaptureFixture) -> None:
    client = Broken()
    client.close = client.stop  # type: ignore[method-assign]
    await stop(client)
    assert "could not be cut off" in caplog.messages[-1]


async def test_an_error_is_not_masked_by_what_fails_when_the_client_is_stopped() -> None:
    client = Broken()
    with pytest.raises(ZeroDivisionError):
        async with started(CLIENTS, client):  # type: ignore[type-var]
            raise ZeroDivisionError
    assert client.closed


async def test_who_is_cancelled_while_a_client_fails_to_stop_is_cancelled_and_its_connections_are_closed() -> None:
    class Late(Broken):
        """Fails when it is told to."""

        def __init__(self) -> None:
            super().__init__()
            self.stopping, self.fail = asyncio.Event(), asyncio.Event()

        async def stop(self) -> None:
            self.stopping.set()
            await self.fail.wait()
            await super().stop()

    client = Late()
    stopping = asyncio.ensure_future(stop(client))
    await client.stopping.wait()
    stopping.cancel()
    await asyncio.sleep(0)
    client.fail.set()
    await asyncio.wait({stopping})
    assert (stopping.cancelled(), client.closed) == (True, True)


async def test_a_consumer_whose_fetcher_has_died_leaves_nothing_behind() -> None:
    """aiokafka's own, but for the broker."""
    consumer = CLIENTS.consumer()
    client: Any = consumer._client
    client._sync_task = asyncio.ensure_future(client._md_synchronizer())
    fetcher: Any = Fetcher(client, consumer._subscription)
    consumer._fetcher = fetcher

    def fail(_: object) -> None:
        raise KeyError("a leader")

    fetcher._get_actions_per_node = fail
    consumer.assign([TopicPartition("history", 0)])
    await asyncio.wait({fetcher._fetch_task})
    await stop(consumer)
    assert client._sync_task is None


async def test_a_producer_that_fails_to_stop_is_closed() -> None:
    producer: Any = CLIENTS.producer()
    closed: list[bool] = []

    async def fail() -> None:
        producer._closed = True
        raise KafkaError("Unexpected error during batch delivery")

    async def close_connections() -> None:
        closed.append(True)

    producer.stop, producer.client.close = fail, close_connections
    assert await close(producer)
    assert closed == [True]


async def test_what_a_client_met_when_it_was_started_is_told_also_if_it_can_not_be_stopped() -> None:
    class Unstartable(Broken):
        async def start(self) -> None:
            raise TopicAuthorizationFailedError("history")

    with pytest.raises(BusError) as refused:
        await begin(CLIENTS, Unstartable())
    assert refused.value.code == "bus-not-allowed"


async def test_a_topic_that_no_broker_has_told_of_in_time_is_not_said_to_be_missing() -> None:
    """Its brokers went away while it was started: aiokafka says that it does not know the topic."""

    class Deserted(Swallowing):
        async def start(self) -> None:
            self.go_on.set()
            raise UnknownTopicOrPartitionError

    with pytest.raises(BusError) as refused:
        await begin(CLIENTS, Deserted())
    assert refused.value.code == "bus-unavailable"


async def test_a_client_that_can_not_be_started_is_stopped() -> None:
    consumer = CLIENTS.consumer()
    with pytest.raises(BusError) as refused:
        await begin(CLIENTS, consumer)
    assert (refused.value.code, consumer._closed) == ("bus-unavailable", True)


async def test_a_task_is_cancelled_until_it_has_ended() -> None:
    swallowed = 0

    async def stubborn() -> None:
        nonlocal swallowed
        while swallowed < 2:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                swallowed += 1

    async def failing() -> None:
        raise BusError("bus-closed", "over")

    tasks = [asyncio.create_task(stubborn()), asyncio.create_task(failing())]
    await asyncio.sleep(0)
    await ended(tasks)
    assert (swallowed, [task.done() for task in tasks]) == (2, [True, True])
    assert isinstance(tasks[1].exception(), BusError)
