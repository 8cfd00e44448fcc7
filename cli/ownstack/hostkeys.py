"""The keys of SSH, as lines of OpenSSH: that of a server, by which it is known, and that of a deployer."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import NamedTuple

_KIND = re.compile(r"(?:sk-)?(?:ssh|ecdsa)-[a-z0-9@.-]+")
_IN_QUOTES = re.compile(r'(["\\$`])')
_FILES = (("ed25519", "ED25519"), ("ecdsa", "ECDSA"), ("rsa", "RSA"))
"""What stands in the kind of a key, and how `ssh-keygen` calls it; the server's own files are called alike."""


class HostKey(NamedTuple):
    """A server's key. kind: as `ssh-ed25519`; blob: the key itself, in base64."""

    kind: str
    blob: str

    @property
    def name(self) -> str:
        """As `ssh-keygen -l` calls its kind."""
        return next((name for part, name in _FILES if part in self.kind), self.kind)

    @property
    def file(self) -> str:
        """Where OpenSSH has it on the server."""
        part = next((part for part, _ in _FILES if part in self.kind), "*")
        return f"/etc/ssh/ssh_host_{part}_key.pub"


def host_key(line: str) -> HostKey | None:
    """The key in a line of a `.pub` file or of `known_hosts`: with or without what stands before and behind it."""
    words = line.split()
    for kind, blob in pairwise(words):
        if _KIND.fullmatch(kind):
            return HostKey(kind, blob)
    return None


def is_same(given: str, line: str | None, fingerprint: str | None) -> bool:
    """Whether what somebody gave, a line or a fingerprint, is the key that a server showed."""
    if given.startswith("SHA256:"):
        return fingerprint is not None and given.rstrip("=") == fingerprint.rstrip("=")
    wanted = host_key(given)
    return wanted is not None and line is not None and wanted == host_key(line)


def pin_of(given: str) -> str | None:
    """What somebody gave, as drivers read it: a fingerprint, or `kind key` alone; None: it is neither."""
    if re.fullmatch(r"SHA256:[A-Za-z0-9+/]{43}=?", given):
        return given
    key = host_key(given)
    return f"{key.kind} {key.blob}" if key else None


def letting_in(public_key: str, deployer: str) -> str:
    """The line to run on a Dokku server, so that it lets a deployer in."""
    quoted = _IN_QUOTES.sub(r"\\\1", public_key)
    name = "ownstack-" + (re.sub(r"[^A-Za-z0-9-]+", "-", deployer).strip("-") or "deployer")
    return f'echo "{quoted}" | sudo dokku ssh-keys:add {name}'
