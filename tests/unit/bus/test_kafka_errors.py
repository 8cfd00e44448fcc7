"""What aiokafka raises, in the words of the bus: what passes by itself is told from what does not."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trustme
from aiokafka.errors import (
    CorruptRecordException,
    GroupAuthorizationFailedError,
    GroupLoadInProgressError,
    KafkaError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)

from ownstack_bus.kafka import KafkaSettings
from ownstack_bus.kafka.clients import Clients
from ownstack_bus.kafka.errors import passes, translated
from ownstack_bus.kafka.starting import begin
from ownstack_bus.port import PASSING, BusError

INTERNAL_ERROR, HANDSHAKE_FAILURE, UNKNOWN_CA, PROTOCOL_VERSION, CERTIFICATE_REQUIRED = 80, 40, 48, 70, 116


async def refused(port: int, ca: Path | None = None) -> BusError:
    """What whoever speaks TLS to this port of this machine is told."""
    settings = KafkaSettings(security_protocol="SSL", tls_ca=ca, request_timeout=2)
    clients = Clients(f"localhost:{port}", settings)
    with pytest.raises(BusError) as error:
        await begin(clients, clients.consumer())
    return error.value


@asynccontextmanager
async def answering(said: bytes) -> AsyncIterator[int]:
    """The port of a server that answers a greeting with this, and hangs up."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(512)
        writer.write(said)
        writer.close()

    server = await asyncio.start_server(answer, "localhost", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


def alert(number: int) -> bytes:
    """As TLS says that it gives up."""
    return bytes([21, 3, 3, 0, 2, 2, number])


@pytest.mark.parametrize(
    "said",
    [alert(INTERNAL_ERROR), b"HTTP/1.1 503 Service Unavailable\r\n\r\n", b""],
    ids=["an internal error", "a proxy's plain answer", "nothing"],
)
async def test_what_a_broker_or_a_proxy_says_while_it_is_started_again_passes(said: bytes) -> None:
    async with answering(said) as port:
        assert (await refused(port)).code == "bus-unavailable"


async def test_who_speaks_tls_to_what_does_not_is_told_which_setting_to_check() -> None:
    async with answering(b"HTTP/1.1 400 Bad Request\r\n\r\n") as port:
        assert "OWNSTACK_KAFKA_SECURITY_PROTOCOL" in str(await refused(port))


@pytest.mark.parametrize("number", [HANDSHAKE_FAILURE, UNKNOWN_CA, PROTOCOL_VERSION, CERTIFICATE_REQUIRED])
async def test_what_either_side_demands_of_the_other_does_not_pass(number: int) -> None:
    async with answering(alert(number)) as port:
        error = await refused(port)
    assert (error.code, "OWNSTACK_KAFKA_TLS_CA" in str(error)) == ("bus-tls", True)


@pytest.fixture
def authority(tmp_path: Path) -> trustme.CA:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    return authority


def greet_and_hang_up(listening: socket.socket, context: ssl.SSLContext) -> None:
    """As a server that speaks TLS does, until it is closed. In a thread: asyncio's own does not say why it gives up."""
    while True:
        try:
            connection, _ = listening.accept()
        except OSError:
            return
        speaking = context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        with contextlib.suppress(OSError):
            speaking.do_handshake()
        with socket.socket(fileno=speaking.detach()) as plain, contextlib.suppress(OSError):
            plain.shutdown(socket.SHUT_WR)
            while plain.recv(512):
                """What it says is not looked at."""


@asynccontextmanager
async def speaking_tls(authority: trustme.CA, name: str, *, asks: bool = False) -> AsyncIterator[int]:
    """The port of a server of this name. asks: for a certificate of whoever comes."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    if asks:
        authority.configure_trust(context)
        context.verify_mode = ssl.CERT_REQUIRED
    with socket.create_server(("localhost", 0)) as listening:
        serving = asyncio.create_task(asyncio.to_thread(greet_and_hang_up, listening, context))
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
        await serving


async def test_a_certificate_of_another_name_does_not_pass(authority: trustme.CA, tmp_path: Path) -> None:
    async with speaking_tls(authority, "elsewhere.example") as port:
        assert (await refused(port, tmp_path / "ca.pem")).code == "bus-tls"


async def test_a_certificate_that_nobody_here_trusts_does_not_pass(authority: trustme.CA) -> None:
    async with speaking_tls(authority, "localhost") as port:
        assert (await refused(port)).code == "bus-tls"


async def test_a_broker_that_hangs_up_after_the_greeting_passes(authority: trustme.CA, tmp_path: Path) -> None:
    async with speaking_tls(authority, "localhost") as port:
        assert (await refused(port, tmp_path / "ca.pem")).code == "bus-unavailable"


async def test_a_cluster_that_asks_for_a_certificate_of_ours_is_not_waited_for(
    authority: trustme.CA, tmp_path: Path
) -> None:
    async with speaking_tls(authority, "localhost", asks=True) as port:
        error = await refused(port, tmp_path / "ca.pem")
    assert (error.code, "…_CERTIFICATE" in str(error), "certificate required" in str(error)) == ("bus-tls", True, True)


@pytest.mark.parametrize(
    "error",
    [
        KafkaError(f"Unexpected error during coordination {KeyError((1, 'coordination'))!r}"),
        KafkaError("Unexpected error during data retrieval"),
        KafkaError("Unable to get cluster metadata over all known brokers"),
        KafkaError(repr(GroupLoadInProgressError())),
    ],
    ids=str,
)
def test_what_aiokafka_did_not_expect_passes(error: KafkaError) -> None:
    assert (translated(error, "kafka:9092").code, passes(error)) == ("bus-unavailable", True)


@pytest.mark.parametrize("cause", [TopicAuthorizationFailedError(), GroupAuthorizationFailedError("deployer")])
def test_a_right_that_is_missing_does_not_pass_where_it_is_only_quoted(cause: KafkaError) -> None:
    for error in (cause, KafkaError(repr(cause))):
        assert (translated(error, "kafka:9092").code, passes(error)) == ("bus-not-allowed", False)


def test_a_topic_that_is_missing_may_come_back() -> None:
    error = translated(UnknownTopicOrPartitionError("ownstack.history"), "kafka:9092")
    assert error.code in PASSING
    assert "ownstack.history" in str(error)
    assert "ownstack bus setup" in str(error)


def test_what_is_damaged_does_not_pass() -> None:
    error = CorruptRecordException()
    assert (translated(error, "kafka:9092").code, passes(error)) == ("bus-error", False)
