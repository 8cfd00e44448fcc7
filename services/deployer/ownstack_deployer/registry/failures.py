"""Why a connection did not come about, or broke off: in words, whatever the libraries call it."""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Iterator, Mapping
from typing import TypeVar

import httpx

E = TypeVar("E", bound=BaseException)

_NO_TLS = ("wrong version number", "record layer failure", "http request")
"""What TLS says of an answer that is none of its own; which of these is up to its version."""
_UNKNOWN_NAME = frozenset({socket.EAI_NONAME, socket.EAI_NODATA})

_WORDS: Mapping[type[Exception], str] = {
    httpx.TimeoutException: "it does not answer in time",
    httpx.InvalidURL: "it refers to an address that is none",
    httpx.ProxyError: "the proxy does not let us through",
    httpx.ProtocolError: "it breaks off, or does not speak HTTP",
}
"""Of what no system and no TLS says more."""


def is_without_tls(error: BaseException) -> bool:
    """Whether the other end was spoken to by TLS, and answered with something else."""
    met = _found(error, ssl.SSLError)
    said = f"{met.reason} {met}".replace("_", " ").lower() if met else ""
    return isinstance(error, httpx.ConnectError) and any(words in said for words in _NO_TLS)


def untrusted(error: BaseException) -> str | None:
    """What is wrong with the certificate of the other end; None: nothing is."""
    met = _found(error, ssl.SSLCertVerificationError)
    return met.verify_message.rstrip(".")[:300] if met else None


def spoken(error: BaseException) -> str:
    """What happened, in a few words."""
    if met := _found(error, ssl.SSLError):
        why = met.reason or "its handshake failed"
        return f"TLS does not come about: {why.replace('_', ' ').lower()}"
    if unknown := _found(error, socket.gaierror):
        return "no such host" if unknown.errno in _UNKNOWN_NAME else "its name can't be looked up for now"
    if number := next((met.errno for met in _chain(error) if isinstance(met, OSError) and met.errno), None):
        return os.strerror(number).lower()
    return next((words for kind, words in _WORDS.items() if isinstance(error, kind)), "the connection breaks off")


def _found(error: BaseException, kind: type[E]) -> E | None:
    return next((met for met in _chain(error) if isinstance(met, kind)), None)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error, and all that it came of."""
    while error is not None:
        yield error
        if isinstance(error, BaseExceptionGroup):  # several addresses of one host were tried
            for part in error.exceptions:
                yield from _chain(part)
        error = error.__cause__ or error.__context__
