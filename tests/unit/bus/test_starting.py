"""Clients of Kafka are started and stopped so that a cancellation is never lost."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import pytest

from ownstack_bus.kafka import KafkaSettings
from ownstack_bus.kafka.clients import Clients
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
