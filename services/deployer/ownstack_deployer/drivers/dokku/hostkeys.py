"""Host keys: which key a server has to show, as the settings of its stack say."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import asyncssh

from ownstack_deployer.drivers.port import PhaseFailed

KINDS: Mapping[str, Sequence[str]] = MappingProxyType(
    {
        "ssh-ed25519": ("ssh-ed25519",),
        "ecdsa-sha2-nistp256": ("ecdsa-sha2-nistp256",),
        "ecdsa-sha2-nistp384": ("ecdsa-sha2-nistp384",),
        "ecdsa-sha2-nistp521": ("ecdsa-sha2-nistp521",),
        "ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256"),
    }
)
"""The algorithms of each kind of host key, the kind that OpenSSH prefers first."""

EXCHANGES = "-diffie-hellman-group-exchange-*,rsa*"
"""Key exchanges: none in which the server chooses with how large numbers we have to count."""


def algorithms(last: Collection[str] = (), first: str | None = None) -> list[str]:
    """All of them, in the order in which they are asked for. A server has a key of each of some kinds, and shows the
    one that is asked for first. It is asked for all, since it breaks off without a word when it has none.

    last: kinds that are asked for last; first: one that is asked for first.
    """
    kinds = sorted(KINDS, key=lambda kind: (kind != first, kind in last))
    return [algorithm for kind in kinds for algorithm in KINDS[kind]]


def kind_of(key: asyncssh.SSHKey) -> str:
    """Of which kind a key is."""
    return key.get_algorithm()


@dataclass(frozen=True, slots=True)
class Pin:
    """The key that a server has to show: `key`, or one with this fingerprint."""

    key: asyncssh.SSHKey | None
    fingerprint: str

    @classmethod
    def of(cls, setting: str, stack: str) -> Pin:
        """Read the setting `host_key`. Raises PhaseFailed `host-key-unreadable`."""
        if setting.startswith("SHA256:"):
            return cls(None, setting.rstrip("="))
        try:
            key = asyncssh.import_public_key(setting)
        except (ValueError, OverflowError) as error:  # KeyImportError, and what else asyncssh makes of odd ones
            raise PhaseFailed(
                "host-key-unreadable",
                f"The host_key of {stack} is no public key of OpenSSH (`ssh-ed25519 AAAA…`), nor a fingerprint "
                f"(`SHA256:…`). See what the server shows: ownstack stack check {stack}",
            ) from error
        return cls(key, key.get_fingerprint())

    def is_shown(self, key: asyncssh.SSHKey) -> bool:
        """Whether this is the key."""
        return key.get_fingerprint() == self.fingerprint

    @property
    def kind(self) -> str | None:
        """Of which kind the key is; a fingerprint does not say that."""
        return None if self.key is None else kind_of(self.key)


class Verifying(asyncssh.SSHClient):
    """Accepts a server that shows the key, and no other."""

    def __init__(self, pin: Pin) -> None:
        self._pin = pin
        self.shown: asyncssh.SSHKey | None = None

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        """See SSHClient."""
        del host, addr, port
        self.shown = key
        return self._pin.is_shown(key)
