"""Ends producers, also those that could not send all that they were given."""

from __future__ import annotations

import asyncio
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError
from aiokafka.producer.message_accumulator import MessageAccumulator

from ownstack_bus.kafka.starting import stop

CLOSING_S = 5.0

Sent = asyncio.Future[Any]


async def close(producer: AIOKafkaProducer) -> bool:
    """Let what is under way go out, and close its connections. False: that took too long, and the rest was given up."""
    stopping = asyncio.ensure_future(stop(producer))
    done, _ = await asyncio.wait({stopping}, timeout=CLOSING_S)
    if not done:
        await cut_off(producer)
    await stopping
    return bool(done)


async def cut_off(producer: AIOKafkaProducer) -> None:
    """Close it without waiting for what it could not send: with idempotence it would try for ever."""
    sender = producer._sender.sender_task
    if sender is not None:
        sender.cancel()  # it ends after the requests that are under way
        await asyncio.wait({sender}, timeout=CLOSING_S)
        sender.cancel()
        await asyncio.wait({sender})
    _fail_all(producer._message_accumulator)
    await stop(producer)


def _fail_all(accumulator: MessageAccumulator) -> None:
    """As its own `fail_all`, which leaves errors for the log where a batch was to be sent once more."""
    batches = [batch for queue in accumulator._batches.values() for batch in queue]
    accumulator._pending_batches.update(batches)  # its callbacks remove them from there
    accumulator._batches.clear()
    failed = list(accumulator._pending_batches)
    accumulator.fail_all(KafkaConnectionError("its producer was given up"))
    for batch in failed:
        looked_at(batch._drain_waiter)


def looked_at(future: Sent) -> None:
    """Nobody may be there any more to look at its error: the caller was told another, or has been cancelled."""
    if not future.cancelled():
        future.exception()
