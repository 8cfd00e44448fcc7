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
from aiokafka.errors import KafkaConnectionError, KafkaError, UnknownTopicOrPartitionError

from ownstack_bus.kafka.clients import Clients
from ownstack_bus.kafka.errors import UNAVAILABLE, translated

logger = logging.getLogger(__name__)

STEADY_S = 5.0
"""What has not failed again for so long has passed."""
CANCEL_S = 1.0
GRACE_S = 1.0
"""A start that is cancelled may come to its end within so long: aiokafka would leave its first connection open."""

_PARTS = ("_coordinator", "_fetcher", "_sender")
_TASKS = (
    "_sync_task",
    "_coordination_task",
    "_heartbeat_task",
    "_commit_refresh_task",
    "_reset_committed_task",
    "_fetch_task",
    "_sender_task",
)
"""What aiokafka's clients, and their parts, have begun."""

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

    Raises BusError `bus-unavailable`, `bus-topics-missing`, `bus-not-allowed`, `bus-tls`, and what else `translated`
    tells.
    """
    try:
        await start(client)
    except BaseException as error:
        await stop(client)
        # A topic is unknown also when no broker has told of it in time.
        if isinstance(error, KafkaConnectionError | UnknownTopicOrPartitionError):
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
    that of a task of its own, which is nobody's here. What fails is said, and no more: the client holds nothing that is
    not to be had anew, and whoever stops it may do so because of another error."""
    closing = asyncio.ensure_future(_closed(client))
    try:
        await asyncio.wait({closing})
    except asyncio.CancelledError:
        await asyncio.wait({closing})
        raise


async def _closed(client: Any) -> None:
    closing = asyncio.ensure_future(client.close() if isinstance(client, AIOKafkaAdminClient) else client.stop())
    await asyncio.wait({closing})
    if closing.cancelled():
        logger.info("a client of Kafka was cut off while it ended")
    elif (error := closing.exception()) is not None:
        logger.warning("a client of Kafka did not end in good order, and is cut off: %r", error)
    else:
        return
    try:
        await _cut_off(client)
    except Exception:
        logger.exception("a client of Kafka could not be cut off")


async def _cut_off(client: Any) -> None:
    """End what is left of it: its tasks, then its connections."""
    connections = client.client if isinstance(client, AIOKafkaProducer) else client._client
    parts = [connections, *(getattr(client, name, None) for name in _PARTS)]
    await ended(task for part in parts for name in _TASKS if (task := getattr(part, name, None)) is not None)
    connections._sync_task = None  # which has ended
    await connections.close()


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
