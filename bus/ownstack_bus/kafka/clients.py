"""Makes aiokafka's clients, all alike, and turns its records into ours."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.structs import ConsumerRecord

from ownstack_bus.kafka.polling import tolerate_names
from ownstack_bus.kafka.settings import KafkaSettings
from ownstack_bus.meter import Meter, Unmetered
from ownstack_bus.port import BusError, Record

MAX_RECORD_BYTES = 1024 * 1024
"""A larger value is refused by `publish`."""

MAX_REQUEST_BYTES = 2 * MAX_RECORD_BYTES
"""Of one record on the wire, with its key and headers; topics are set up to take it."""


@dataclass(frozen=True, slots=True)
class Clients:
    """How this installation speaks to its cluster. `servers`: `host:port,…`."""

    servers: str
    settings: KafkaSettings
    meter: Meter = field(default_factory=Unmetered)

    def topic(self, name: str) -> str:
        """What a topic of ours is called on the cluster."""
        return self.settings.prefix + name

    def place(self, topic: str, partition: int) -> TopicPartition:
        """A partition of a topic of ours."""
        return TopicPartition(self.topic(topic), partition)

    def named(self, name: str) -> str:
        """The id of a group or a transaction."""
        return f"{self.settings.prefix}ownstack.{name}"

    def consumer(self, **options: Any) -> AIOKafkaConsumer:
        """One that sees committed records only, and commits nothing by itself. It is not started yet."""
        tolerate_names()
        return AIOKafkaConsumer(
            **self._common(),
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed",
            max_partition_fetch_bytes=MAX_REQUEST_BYTES,
            **options,
        )

    def producer(self, **options: Any) -> AIOKafkaProducer:
        """One that waits for all replicas. It is not started yet."""
        return AIOKafkaProducer(
            **self._common(), enable_idempotence=True, max_request_size=MAX_REQUEST_BYTES, acks="all", **options
        )

    def session(self) -> dict[str, int]:
        """The options of a member of a group: how long it may be silent, how often it says that it lives."""
        session = int(self.settings.session_timeout * 1_000)
        return {
            "session_timeout_ms": session,
            "heartbeat_interval_ms": max(session // 4, 100),
            "rebalance_timeout_ms": max(session, 10_000),
        }

    def admin(self) -> AIOKafkaAdminClient:
        """It is not started yet."""
        return AIOKafkaAdminClient(**self._common())

    def record(self, found: ConsumerRecord[bytes, bytes]) -> Record:
        """A record as the port has it. A key, value or name that is missing or no text is read as well as may be."""
        return Record(
            found.topic.removeprefix(self.settings.prefix),
            found.partition,
            found.offset,
            found.timestamp,
            (found.key or b"").decode(errors="replace"),
            found.value or b"",
            tuple((name, value or b"") for name, value in found.headers),
        )

    def connection(self) -> dict[str, Any]:
        """The options of a single connection to a broker. Raises BusError `bus-tls`, `bus-sasl`."""
        settings = self.settings
        return {
            "client_id": "ownstack",
            "request_timeout_ms": int(settings.request_timeout * 1_000),
            "security_protocol": settings.security_protocol,
            "ssl_context": _tls(settings),
            "sasl_mechanism": settings.sasl_mechanism,
            "sasl_plain_username": settings.sasl_username,
            "sasl_plain_password": _password(settings),
        }

    def _common(self) -> dict[str, Any]:
        return {"bootstrap_servers": self.servers, **self.connection()}


def _tls(settings: KafkaSettings) -> ssl.SSLContext | None:
    if settings.security_protocol not in {"SSL", "SASL_SSL"}:
        return None
    try:
        context = ssl.create_default_context(cafile=str(settings.tls_ca) if settings.tls_ca else None)
        if settings.tls_certificate:
            context.load_cert_chain(settings.tls_certificate, settings.tls_key)
    except (OSError, ssl.SSLError) as error:
        raise BusError(
            "bus-tls",
            f"The files of OWNSTACK_KAFKA_TLS_CA, …_CERTIFICATE and …_KEY can't be used: {error}. They are to be PEM "
            "files that this user may read.",
        ) from error
    return context


def _password(settings: KafkaSettings) -> str | None:
    if settings.sasl_password is not None:
        return settings.sasl_password.get_secret_value()
    if settings.sasl_password_file is None:
        return None
    try:
        return settings.sasl_password_file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error if isinstance(error, OSError) else f"{settings.sasl_password_file} is no text in UTF-8"
        raise BusError(
            "bus-sasl",
            f"OWNSTACK_KAFKA_SASL_PASSWORD_FILE can't be read: {why}. Name a file that this user may read.",
        ) from error
