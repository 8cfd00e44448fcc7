"""Connecting to a Dokku server: with our key, to the host key that is expected, and clear about what is wrong."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import asyncssh

from ownstack_contracts.ssh import SshAddress, parse_ssh
from ownstack_deployer.drivers.dokku.hostkeys import EXCHANGES, Pin, Verifying, algorithms, kind_of
from ownstack_deployer.drivers.dokku.keys import OurKey
from ownstack_deployer.drivers.port import PhaseFailed
from ownstack_deployer.printing import printable

asyncssh.set_log_level(logging.WARNING)  # it logs each command, and what comes of it, from INFO on


_FAILURES = (OSError, asyncssh.Error, ValueError, OverflowError)
"""What asyncssh raises when there is no connection; the last two are of numbers and texts that make no sense."""


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds: until a server has let us in; between signs of life of a connection, of which `missed` may fail."""

    connect: float = 12.0
    alive: float = 5.0
    missed: int = 3


@dataclass(frozen=True, slots=True)
class Server:
    """The server of a stack. host_key: as its settings say, if they do."""

    stack: str
    address: SshAddress
    host_key: str | None

    @classmethod
    def of(cls, stack: str, address: str, settings: Mapping[str, str]) -> Server:
        """Raises PhaseFailed `address-unreadable`."""
        try:
            parsed = parse_ssh(address)
        except ValueError as error:
            raise PhaseFailed(
                "address-unreadable",
                f"The address of {stack} can't be read: {error}. Change it to one like dokku@eu-1.example.com:22.",
            ) from error
        return cls(stack, parsed, settings.get("host_key") or None)

    def __str__(self) -> str:
        return f"{self.stack} ({self.address})"


class HostKeyRefused(PhaseFailed):
    """The server shows a key that it is not to be trusted with: `shown`."""

    def __init__(self, shown: asyncssh.SSHKey, code: str, message: str) -> None:
        super().__init__(code, message)
        self.shown = shown


async def shown_key(server: Server, patience: Patience) -> asyncssh.SSHKey:
    """The host key that the server shows. Raises PhaseFailed."""
    try:
        async with asyncio.timeout(patience.connect):
            key = await asyncssh.get_server_host_key(
                server.address.host,
                server.address.port,
                config=None,
                kex_algs=EXCHANGES,
                server_host_key_algs=algorithms(),
            )
    except _FAILURES as error:
        raise _not_connected(server, error, patience) from error
    assert key is not None  # it is only with GSS, which is not asked for
    return key


async def connect(server: Server, ours: OurKey, patience: Patience) -> asyncssh.SSHClientConnection:
    """A connection to the server. Raises PhaseFailed: whatever keeps us from having one, as one clear code."""
    if server.host_key is None:
        raise _unconfirmed(server, await shown_key(server, patience))
    pin, key = Pin.of(server.host_key, server.stack), ours.private()
    others: dict[str, asyncssh.SSHKey] = {}
    while True:
        client = Verifying(pin)
        try:
            async with asyncio.timeout(patience.connect):
                return await asyncssh.connect(**_options(server, client, key, algorithms(others, pin.kind), patience))
        except asyncssh.HostKeyNotVerifiable as error:
            if client.shown is None:
                raise _not_connected(server, error, patience) from error
            if pin.kind is not None or kind_of(client.shown) in others:
                raise _changed(server, pin, next(iter(others.values()), client.shown)) from error
            others[kind_of(client.shown)] = client.shown  # it may have the right one of another kind
        except asyncssh.PermissionDenied as error:
            raise _refused(server, ours) from error
        except _FAILURES as error:
            raise _not_connected(server, error, patience) from error


def _options(
    server: Server, client: Verifying, key: asyncssh.SSHKey, host_key_algorithms: Sequence[str], patience: Patience
) -> dict[str, Any]:
    """Nothing of this machine's own SSH set-up counts, and nothing but our key is offered."""
    user, host, port = server.address
    return {
        "host": host,
        "port": port,
        "username": user,
        "config": None,
        "client_factory": lambda: client,
        "known_hosts": ([], [], []),
        "kex_algs": EXCHANGES,
        "compression_algs": ["none"],
        "server_host_key_algs": host_key_algorithms,
        "client_keys": [key],
        "agent_path": None,
        "password_auth": False,
        "kbdint_auth": False,
        "gss_kex": False,
        "gss_auth": False,
        "host_based_auth": False,
        "preferred_auth": ["publickey"],
        "login_timeout": patience.connect,
        "keepalive_interval": patience.alive,
        "keepalive_count_max": patience.missed,
    }


def _not_connected(server: Server, error: Exception, patience: Patience) -> PhaseFailed:
    if isinstance(error, TimeoutError) and not error.errno:
        return _unreachable(server, f"it did not answer within {patience.connect:g} s")
    if isinstance(error, OSError):
        number = error.errno or 0
        # Python adds addresses to what the system says of it; what a name server says has negative numbers.
        return _unreachable(server, os.strerror(number) if number > 0 else error.strerror or str(error))
    return PhaseFailed(
        "ssh-failed",
        f"{server} can be reached, but there is no SSH connection: {printable(str(error))}. "
        "See what its sshd logs, then try again.",
    )


def _unreachable(server: Server, why: str) -> PhaseFailed:
    return PhaseFailed(
        "unreachable",
        f"{server} can't be reached: {why}. See that it is up, that its address is right, and that no firewall "
        "stands between it and the deployer.",
    )


def _unconfirmed(server: Server, shown: asyncssh.SSHKey) -> HostKeyRefused:
    return HostKeyRefused(
        shown,
        "host-key-unconfirmed",
        f"{server} shows the host key {shown.get_fingerprint()}, which nobody has confirmed. Compare it with the "
        f"server's own, then confirm it: ownstack stack check {server.stack}",
    )


def _changed(server: Server, pin: Pin, shown: asyncssh.SSHKey) -> HostKeyRefused:
    return HostKeyRefused(
        shown,
        "host-key-changed",
        f"{server} shows the host key {shown.get_fingerprint()}, not {pin.fingerprint} as confirmed: it is another "
        "server, or was set up anew. If that is right, confirm it: "
        f"ownstack stack set {server.stack} --host-key {shown.get_fingerprint()}",
    )


def _refused(server: Server, ours: OurKey) -> PhaseFailed:
    return PhaseFailed(
        "key-refused",
        f"{server} does not let in the deployer {ours.name.removeprefix('ownstack-')}. Do on the server: "
        f'echo "{ours.public_line()}" | sudo dokku ssh-keys:add {ours.name}',
    )
