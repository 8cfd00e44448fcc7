"""Addresses of stacks that are reached over SSH: `user@host:port`."""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple

_USER = re.compile(r"[a-z_][a-z0-9_.-]{0,31}")
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST_NAME = re.compile(rf"(?=.{{1,253}}$){_LABEL}(?:\.{_LABEL})*")
_SHAPE = re.compile(r"(?P<user>[^@]*)@(?P<host>\[[^\]]*\]|[^:\[\]]*):(?P<port>[0-9]{1,5})", re.ASCII)


_HOST_KEY = re.compile(
    r"SHA256:[A-Za-z0-9+/]{43}"
    r"|(?:ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(?:256|384|521)|sk-[a-z0-9@.-]{1,60}) [A-Za-z0-9+/]{40,1000}={0,2}"
)


class SshAddress(NamedTuple):
    """Whom to log in as, and where. `host`: a name, or an IP address without brackets."""

    user: str
    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.user}@{host}:{self.port}"


def parse_ssh(address: str) -> SshAddress:
    """Read `user@host:port`. Raises ValueError, which says what is wrong."""
    shape = _SHAPE.fullmatch(address)
    if shape is None:
        raise ValueError(f"{address!r} is not user@host:port")
    user, host, port = shape["user"], shape["host"], int(shape["port"])
    if not _USER.fullmatch(user):
        raise ValueError(f"{user!r} is not the name of a user")
    if not 1 <= port <= 65_535:
        raise ValueError(f"{port} is no port: those are 1 to 65535")
    return SshAddress(user, _host(host), port)


def _host(text: str) -> str:
    if text.startswith("["):
        return str(ipaddress.IPv6Address(text[1:-1]))
    if text.replace(".", "").isdigit():
        return str(ipaddress.IPv4Address(text))
    if not _HOST_NAME.fullmatch(text):
        raise ValueError(f"{text!r} is not the name of a host, nor an IP address")
    return text


def is_host_key(text: str) -> bool:
    """Whether it is the fingerprint of a host key (`SHA256:…`), or a public key as one line without a comment."""
    return _HOST_KEY.fullmatch(text) is not None
