"""Where repositories are: names as people write them, and the addresses that may be asked because of them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import httpx

from ownstack_deployer.registry.trouble import Trouble

HUB = "docker.io"
_HUB_ALIASES = frozenset({HUB, "index.docker.io"})
_HUB_ADDRESS = "registry-1.docker.io"
_HOST = re.compile(r"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*|[0-9a-f:.]*:[0-9a-f:.]*", re.ASCII)
"""A name or an address, as it can be looked up."""


@dataclass(frozen=True, slots=True)
class Place:
    """A repository: the `host` of its registry, with a port if one is given, and its `path` there."""

    host: str
    path: str

    @property
    def address(self) -> str:
        """The host that answers for the registry."""
        return _HUB_ADDRESS if self.host == HUB else self.host

    def __str__(self) -> str:
        return f"{self.host}/{self.path}"


def place_of(repository: str) -> Place:
    """Where a repository is that was validated as such: as Docker reads it, `shop` is `docker.io/library/shop`."""
    first, slash, rest = repository.partition("/")
    if not slash or not _is_host(first):
        first, rest = HUB, repository
    host = first.lower()
    if host in _HUB_ALIASES:
        return Place(HUB, rest if "/" in rest else f"library/{rest}")
    return Place(host, rest)


def _is_host(part: str) -> bool:
    return "." in part or ":" in part or part == "localhost" or part != part.lower()


class Reach:
    """What may be asked at all. An image reference comes from a team, and what a registry refers to from whoever runs
    it: neither is to make a deployer speak to what is not meant to be reached without TLS."""

    def __init__(self, plain: Iterable[str]) -> None:
        """plain: hosts, or `host:port`, that are spoken to by plain http."""
        self._plain = frozenset(_unbracketed(entry.strip().lower()) for entry in plain if entry.strip())

    def is_plain(self, host: str) -> bool:
        """Whether this host, with or without a port, is spoken to by plain http."""
        name, port = _split(host)
        return name in self._plain or host.lower() in self._plain or f"{name}:{port}" in self._plain

    def root(self, place: Place) -> httpx.URL:
        """The address of the API of the registry. Raises Trouble `reference-invalid`."""
        scheme = "http" if self.is_plain(place.address) else "https"
        invalid = Trouble("reference-invalid", f"{place.host[:300]} is not the address of a registry.")
        try:
            url = httpx.URL(f"{scheme}://{place.address}/v2/")
        except httpx.InvalidURL:
            raise invalid from None
        if not _can_be_asked(url):
            raise invalid
        return url

    def referred(self, root: httpx.URL, base: httpx.URL, target: str) -> httpx.URL:
        """Where the registry at `root` refers us to, relative to `base`. Raises Trouble `registry-invalid` unless that
        is https, or the registry and what it refers to are both spoken to by plain http."""
        try:
            url = base.join(target)
        except httpx.InvalidURL:
            raise _odd(root, "an address that is none") from None
        if not _can_be_asked(url):
            raise _odd(root, "an address that is none")
        if url.scheme == "https" or (url.scheme == root.scheme == "http" and self.is_plain(url.netloc.decode())):
            return url
        raise _odd(root, f"{url.scheme[:20]}://{url.host[:200]}, which is not asked: it is not https")


def same_origin(one: httpx.URL, other: httpx.URL) -> bool:
    """Whether what may be told to one may be told to the other."""
    return (one.scheme, one.host, _port(one)) == (other.scheme, other.host, _port(other))


def host_of(url: httpx.URL) -> str:
    """The host, and the port if it is given."""
    return url.netloc.decode()


def _can_be_asked(url: httpx.URL) -> bool:
    """Whether there is a host that can be looked up, a port that can be, and no password of somebody's."""
    port = url.port is None or 0 < url.port < 65_536
    return port and not url.userinfo and len(url.raw_host) < 254 and _HOST.fullmatch(url.raw_host.decode()) is not None


def _odd(root: httpx.URL, what: str) -> Trouble:
    return Trouble("registry-invalid", f"{host_of(root)} refers to {what}.")


def _port(url: httpx.URL) -> int | None:
    return url.port or {"http": 80, "https": 443}.get(url.scheme)


def _split(host: str) -> tuple[str, str]:
    name, colon, port = host.lower().rpartition(":")
    if colon and port.isdigit() and (name.endswith("]") or ":" not in name):
        return _unbracketed(name), port
    return _unbracketed(host.lower()), ""


def _unbracketed(name: str) -> str:
    return name[1:-1] if name.startswith("[") and name.endswith("]") else name
