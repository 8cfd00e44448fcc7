"""What goes wrong with a connection is said in words, and never by the name of a class."""

from __future__ import annotations

import socket
import ssl

import httpx
import pytest

from ownstack_deployer.registry.failures import is_without_tls, spoken


def caused(*causes: BaseException) -> httpx.ConnectError:
    """The error of a client, which came of the first of these, and so on."""
    error = httpx.ConnectError("")
    last: BaseException = error
    for cause in causes:
        last.__cause__ = cause
        last = cause
    return error


def tls(said: str, reason: str | None = None) -> ssl.SSLError:
    error = ssl.SSLError(1, said)
    error.reason = reason  # type: ignore[assignment]  # it is None where the version is one that Python does not know
    return error


@pytest.mark.parametrize(
    "met",
    [
        tls("[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1006)", "WRONG_VERSION_NUMBER"),
        tls("[SSL] record layer failure (_ssl.c:1032)"),
        tls("[SSL: RECORD_LAYER_FAILURE] record layer failure (_ssl.c:1032)", "RECORD_LAYER_FAILURE"),
        tls("[SSL: HTTP_REQUEST] http request (_ssl.c:1006)", "HTTP_REQUEST"),
    ],
)
def test_one_that_does_not_speak_tls_is_known_in_every_version_of_it(met: ssl.SSLError) -> None:
    assert is_without_tls(caused(OSError(), met))


@pytest.mark.parametrize(
    "error",
    [
        caused(tls("[SSL: TLSV1_ALERT_PROTOCOL_VERSION] …", "TLSV1_ALERT_PROTOCOL_VERSION")),
        caused(ConnectionRefusedError(111, "Connect call failed")),
        httpx.ReadError("[SSL] record layer failure"),
    ],
)
def test_other_failures_do_not_mean_that_there_is_no_tls(error: Exception) -> None:
    assert not is_without_tls(error)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (caused(ConnectionRefusedError(111, "Connect call failed ('127.0.0.1', 9)")), "connection refused"),
        (caused(OSError(), ExceptionGroup("", [OSError(113, "Connect call failed")])), "no route to host"),
        (caused(OSError(), ConnectionResetError(104, "")), "connection reset by peer"),
        (caused(socket.gaierror(socket.EAI_NONAME, "Name or service not known")), "no such host"),
        (caused(socket.gaierror(socket.EAI_AGAIN, "…")), "its name can't be looked up for now"),
        (caused(tls("…", "TLSV1_ALERT_PROTOCOL_VERSION")), "TLS does not come about: tlsv1 alert protocol version"),
        (caused(tls("…")), "TLS does not come about: its handshake failed"),
        (httpx.ConnectTimeout(""), "it does not answer in time"),
        (httpx.ProxyError("403 Forbidden"), "the proxy does not let us through"),
        (httpx.RemoteProtocolError("Server disconnected"), "it breaks off, or does not speak HTTP"),
        (httpx.InvalidURL("…"), "it refers to an address that is none"),
        (caused(), "the connection breaks off"),
    ],
)
def test_a_failure_is_said_in_words(error: Exception, words: str) -> None:
    assert spoken(error) == words
