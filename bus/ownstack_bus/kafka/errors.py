"""What aiokafka raises, in the words of the bus: a code, a sentence, what to do."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager

from aiokafka import errors as kafka

from ownstack_bus.port import PASSING, BusError

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
_TLS_FOR_GOOD = (
    "CERTIFICATE",
    "UNKNOWN_CA",
    "ACCESS_DENIED",
    "HANDSHAKE_FAILURE",
    "PROTOCOL_VERSION",
    "UNSUPPORTED_PROTOCOL",
    "NO_PROTOCOLS_AVAILABLE",
    "INSUFFICIENT_SECURITY",
    "TOO_SMALL",
    "TOO_WEAK",
)
"""In OpenSSL's names of errors that come of certificates, or of what either side demands. All others may come of a
broker, or a proxy before it, that is being started again."""


def is_unexpected(error: BaseException) -> bool:
    """Whether aiokafka did not know what it met in the background, or what a broker answered: it quotes that, and the
    client is of no use any more. A coordinator that is loading is told so, and a connection that went in the middle."""
    return type(error) is kafka.KafkaError


def passes(error: BaseException) -> bool:
    """Whether it may pass by itself: trying again, with new clients, is right."""
    return translated(error, "").code in PASSING


def translated(error: BaseException, servers: str) -> BusError:
    """The BusError for what a client of the cluster at `servers` raised."""
    tls = _tls_of(error)
    if tls is not None and _is_for_good(tls):
        return BusError(
            "bus-tls",
            f"No trusted connection to Kafka at {servers}: {tls}. OWNSTACK_KAFKA_TLS_CA names the file with the "
            "certificates to trust; …_CERTIFICATE and …_KEY name our own, for clusters that ask for one.",
        )
    if _is_not_allowed(error):
        return BusError(
            "bus-not-allowed",
            f"Kafka at {servers} refuses this: {error!r}. Check OWNSTACK_KAFKA_SASL_USERNAME, its password, and what "
            "that user may do.",
        )
    if isinstance(error, kafka.UnknownTopicOrPartitionError):
        return BusError(
            "bus-topics-missing",
            f"Kafka at {servers} lacks a topic, or does not know it yet: {error}. If that lasts, run "
            "`ownstack bus setup`.",
        )
    if isinstance(error, kafka.MessageSizeTooLargeError):
        return BusError(
            "record-too-large",
            f"Kafka at {servers} refuses a record as too large: `ownstack bus setup` compares the sizes that topics "
            "take with what is needed.",
        )
    if isinstance(error, _PASSING) or getattr(error, "retriable", False) or is_unexpected(error):
        settings = "OWNSTACK_BUS" if tls is None else "OWNSTACK_BUS, OWNSTACK_KAFKA_SECURITY_PROTOCOL"
        return BusError(
            UNAVAILABLE,
            f"Kafka at {servers} does not answer: {(tls or error)!r}. What was acknowledged is durable; this goes on "
            f"by itself once it answers. Check {settings} and the brokers.",
        )
    return BusError("bus-error", f"Kafka at {servers} refused an operation: {error!r}.")


def _tls_of(error: BaseException) -> ssl.SSLError | None:
    """A connection that TLS has ended tells so by the cause of its error."""
    for one in (error, error.__cause__ or error.__context__):
        if isinstance(one, ssl.SSLError):
            return one
    return None


def _is_for_good(error: ssl.SSLError) -> bool:
    return isinstance(error, ssl.SSLCertVerificationError) or any(
        part in (error.reason or "") for part in _TLS_FOR_GOOD
    )


def _is_not_allowed(error: BaseException) -> bool:
    quoted = str(error) if is_unexpected(error) else ""
    return isinstance(error, _NOT_ALLOWED) or any(kind.__name__ in quoted for kind in _NOT_ALLOWED)


@contextmanager
def translating(servers: str) -> Iterator[None]:
    """What a client raises inside is raised as BusError."""
    try:
        yield
    except (kafka.KafkaError, TimeoutError, OSError, AssertionError) as error:
        raise translated(error, servers) from error
