"""Starts aiokafka's clients, and finds out why one can't be started: it says only that no broker could be reached."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.conn import collect_hosts, create_conn
from aiokafka.errors import KafkaConnectionError, KafkaError

from ownstack_bus.kafka.clients import Clients
from ownstack_bus.kafka.errors import UNAVAILABLE, translated
from ownstack_bus.port import BusError

logger = logging.getLogger(__name__)

FIRST_DELAY_S = 0.1
LAST_DELAY_S = 5.0
CANCEL_S = 1.0
GRACE_S = 1.0
"""A start that is cancelled may come to its end within so long: aiokafka would leave its first connection open."""

C = TypeVar("C", AIOKafkaConsumer, AIOKafkaProducer, AIOKafkaAdminClient)


@asynccontextmanager
async def started(clients: Clients, client: C) -> AsyncIterator[C]:
    """`client` while it is needed, started, and stopped afterwards. Raises BusError as `begin` does."""
    await begin(clients, client)
    try:
        yield client
    finally:
        await stop(client)


async def begin(clients: Clients, client: Any) -> None:
    """Start a consumer, a producer or an admin client; if that fails it is stopped.

    Raises BusError `bus-unavailable`, `bus-not-allowed`, `bus-tls`, and what else `translated` tells.
    """
    try:
        await start(client)
    except BaseException as error:
        await stop(client)
        if isinstance(error, KafkaConnectionError):
            why = await _why(clients) or error
            raise translated(why, clients.servers) from why
        if isinstance(error, KafkaError | OSError | TimeoutError):
            raise translated(error, clients.servers) from error
        raise


async def start(client: Any) -> None:
    """As its own `start`, which leaves nothing behind when it is cancelled."""
    starting = asyncio.ensure_future(client.start())
    try:
        await asyncio.shield(starting)
    except asyncio.CancelledError:
        await asyncio.wait({starting}, timeout=GRACE_S)
        await ended({starting})
        raise


async def stop(client: Any) -> None:
    """Close its connections. In a task of its own: aiokafka swallows a cancellation that comes meanwhile, and may raise
    that of a task of its own, which is nobody's here."""
    closing = asyncio.ensure_future(client.close() if isinstance(client, AIOKafkaAdminClient) else client.stop())
    try:
        await asyncio.wait({closing})
    except asyncio.CancelledError:
        await asyncio.wait({closing})
        raise
    if closing.cancelled():
        logger.info("a client of Kafka was cut off while it ended")
        await (client.client if isinstance(client, AIOKafkaProducer) else client._client).close()
    else:
        closing.result()


async def ended(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel tasks until they have ended: should aiokafka swallow a cancellation, the next one comes soon."""
    left = set(tasks)
    while left:
        for task in left:
            task.cancel()
        done, left = await asyncio.wait(left, timeout=CANCEL_S)
        for task in done:
            if not task.cancelled():
                task.exception()  # looked at: it is over


async def _why(clients: Clients) -> BaseException | None:
    """What stands between us and the brokers. None: nothing, by now."""
    found: BaseException | None = None
    for host, port, _ in collect_hosts(clients.servers):
        try:
            connection = await create_conn(host, port, **clients.connection())
        except (KafkaError, OSError, TimeoutError) as error:
            found = error if found is None or translated(error, "").code != UNAVAILABLE else found
        else:
            connection.close()
            return None
    return found


class Waiting:
    """Waits out a cluster that is away: longer and longer, and says so once."""

    def __init__(self, who: str) -> None:
        """who: waits, as the log names it."""
        self._who = who
        self._delay = FIRST_DELAY_S

    async def out(self, error: BusError) -> None:
        """Wait before the next try. Raises `error` if it does not pass by itself."""
        if error.code != UNAVAILABLE:
            raise error
        if self._delay == FIRST_DELAY_S:
            logger.warning("%s waits, and goes on by itself: %s", self._who, error)
        await asyncio.sleep(self._delay)
        self._delay = min(2 * self._delay, LAST_DELAY_S)

    def over(self) -> None:
        """The cluster has answered."""
        if self._delay != FIRST_DELAY_S:
            logger.warning("%s goes on", self._who)
        self._delay = FIRST_DELAY_S
