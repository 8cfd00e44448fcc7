"""What aiokafka raises, in the words of the bus: a code, a sentence, what to do."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from aiokafka import errors as kafka

from ownstack_bus.port import BusError

UNAVAILABLE = "bus-unavailable"

_NOT_ALLOWED = (
    kafka.TopicAuthorizationFailedError,
    kafka.GroupAuthorizationFailedError,
    kafka.ClusterAuthorizationFailedError,
    kafka.SaslAuthenticationFailed,
    kafka.UnsupportedSaslMechanismError,
    kafka.IllegalSaslStateError,
)
_PASSING: tuple[type[BaseException], ...] = (
    kafka.KafkaConnectionError,
    kafka.KafkaTimeoutError,
    kafka.NodeNotReadyError,
    kafka.StaleMetadata,
    TimeoutError,
    asyncio.TimeoutError,
    OSError,
)


def passes(error: BaseException) -> bool:
    """Whether it may pass by itself: trying again, with new clients, is right."""
    if isinstance(error, _NOT_ALLOWED):
        return False
    return isinstance(error, _PASSING) or bool(getattr(error, "retriable", False))


def translated(error: BaseException, servers: str) -> BusError:
    """The BusError for what a client of the cluster at `servers` raised."""
    cause = error.__cause__ or error.__context__
    if isinstance(error, ssl.SSLError) or isinstance(cause, ssl.SSLError):
        return BusError(
            "bus-tls",
            f"No trusted connection to Kafka at {servers}: {error}. OWNSTACK_KAFKA_TLS_CA names the file with the "
            "certificates to trust.",
        )
    if isinstance(error, _NOT_ALLOWED):
        return BusError(
            "bus-not-allowed",
            f"Kafka at {servers} refuses this: {error!r}. Check OWNSTACK_KAFKA_SASL_USERNAME, its password, and what "
            "that user may do.",
        )
    if isinstance(error, kafka.UnknownTopicOrPartitionError):
        return BusError("bus-topics-missing", f"Kafka at {servers} lacks a topic: run `ownstack bus setup` first.")
    if isinstance(error, kafka.MessageSizeTooLargeError):
        return BusError(
            "record-too-large",
            f"Kafka at {servers} refuses a record as too large: `ownstack bus setup` compares the sizes that topics "
            "take with what is needed.",
        )
    if passes(error):
        return BusError(
            UNAVAILABLE,
            f"Kafka at {servers} does not answer: {error!r}. What was acknowledged is durable; this goes on by itself "
            "once it answers. Check OWNSTACK_BUS and the brokers.",
        )
    return BusError("bus-error", f"Kafka at {servers} refused an operation: {error!r}.")


@contextmanager
def translating(servers: str) -> Iterator[None]:
    """What a client raises inside is raised as BusError."""
    try:
        yield
    except (kafka.KafkaError, TimeoutError, OSError, AssertionError) as error:
        raise translated(error, servers) from error
