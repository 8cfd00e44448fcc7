"""What consumers have fetched. Their tasks in the background keep what they have met until somebody asks."""

from __future__ import annotations

from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

Fetched = dict[TopicPartition, list[Any]]


async def fetched(
    consumer: AIOKafkaConsumer, *places: TopicPartition, timeout_ms: int, max_records: int | None = None
) -> Fetched:
    """As its `getmany`, which gives nothing for ever once the task that fetches has ended. After an error the consumer
    is to be replaced.

    Raises KafkaError, whatever a task in the background has met.
    """
    fetcher: Any = consumer._fetcher
    try:
        if fetcher.error_future.done():
            fetcher.error_future.result()
        found: Fetched = await consumer.getmany(*places, timeout_ms=timeout_ms, max_records=max_records)
    except KafkaError:
        raise
    except Exception as error:
        raise KafkaError(f"Unexpected error in the background: {error!r}") from error
    return found
