"""One exchange with a registry, or with what it refers to: bounded in time, in size, and in where it goes."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache

import httpx

from ownstack_deployer.registry.failures import is_without_tls, spoken, untrusted
from ownstack_deployer.registry.places import Reach, host_of, same_origin
from ownstack_deployer.registry.trouble import Trouble

CONNECTING = 5.0
"""Seconds until a connection is there."""
QUIET = 10.0
"""Seconds that the other end may say nothing."""
EXCHANGE = 15.0
"""Seconds that an exchange takes, however slowly the other end goes on speaking."""
MOST_REDIRECTS = 5
MOST_BYTES = 64 << 10
"""Of an answer of which nothing much is expected."""
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of a registry. most: bytes of the answer that are read."""

    method: str
    url: httpx.URL
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | AsyncIterator[bytes] | None = None
    most: int = MOST_BYTES

    @property
    def is_streamed(self) -> bool:
        """Whether the content can be sent only once."""
        return not isinstance(self.content, bytes | None)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `url`: of what answered, after redirects."""

    status: int
    headers: httpx.Headers
    content: bytes
    url: httpx.URL


@contextlib.asynccontextmanager
async def connected() -> AsyncIterator[httpx.AsyncClient]:
    """A client for one job. Proxies of the environment are used, but not for what is on this machine."""
    timeout = httpx.Timeout(QUIET, connect=CONNECTING)
    direct = {f"all://{host}": None for host in _LOOPBACK}
    headers = {"User-Agent": "ownstack", "Accept-Encoding": "identity"}
    async with httpx.AsyncClient(verify=_trusted(), timeout=timeout, mounts=direct, headers=headers) as client:
        yield client


class Wire:
    """What goes to one registry, at `root`, and comes from it. What lets us in there is told to nobody else."""

    def __init__(
        self, client: httpx.AsyncClient, reach: Reach, root: httpx.URL, referring: httpx.URL | None = None
    ) -> None:
        """referring: the root of the registry that has sent us to this one; None: a team has named it."""
        self.root = root
        self._client = client
        self._reach = reach
        self._referring = referring

    def at(self, root: httpx.URL) -> Wire:
        """The wire to another place, which the registry refers to."""
        return Wire(self._client, self._reach, root, self._referring or self.root)

    def referred(self, base: httpx.URL, target: str) -> httpx.URL:
        """Where the registry refers us to. Raises Trouble `registry-invalid` if nothing is asked there."""
        return self._reach.referred(self.root, base, target)

    async def exchange(self, asked: Asked, authorization: str | None = None) -> Answer:
        """Ask, and read the answer. Raises Trouble: `registry-unreachable`, `registry-invalid`, …"""
        try:
            async with asyncio.timeout(EXCHANGE), self.opened(asked, authorization) as response:
                content = await self._read(response, asked.most)
                return Answer(response.status_code, response.headers, content, response.url)
        except TimeoutError:
            raise self._unreachable(f"its answer is not there after {EXCHANGE:.0f} s") from None

    @contextlib.asynccontextmanager
    async def opened(self, asked: Asked, authorization: str | None = None) -> AsyncIterator[httpx.Response]:
        """The answer, after redirects, before it is read. Raises Trouble as `exchange` does, also while it is read."""
        url = asked.url
        with self._told(url):
            for _ in range(MOST_REDIRECTS + 1):
                async with contextlib.aclosing(await self._send(asked, url, authorization)) as response:
                    target = _redirect(asked, response)
                    if target is None:
                        yield response
                        return
                    url = self.referred(url, target)
        raise Trouble("registry-invalid", f"{host_of(self.root)} redirects more than {MOST_REDIRECTS} times.")

    async def _send(self, asked: Asked, url: httpx.URL, authorization: str | None) -> httpx.Response:
        headers = dict(asked.headers)
        if authorization is not None and same_origin(url, self.root):
            headers["Authorization"] = authorization
        request = self._client.build_request(asked.method, url, headers=headers, content=asked.content)
        return await self._client.send(request, stream=True)

    async def _read(self, response: httpx.Response, most: int) -> bytes:
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise Trouble("registry-invalid", f"{host_of(self.root)} answers in an encoding that was not asked for.")
        content = b""
        async for part in response.aiter_raw():
            content += part
            if len(content) > most:
                raise Trouble(
                    "registry-invalid", f"{host_of(self.root)} answers with more than {most >> 10} KiB. It is not read."
                )
        return content

    @contextlib.contextmanager
    def _told(self, url: httpx.URL) -> Iterator[None]:
        try:
            yield
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise self._trouble(error, _asked_at(error) or url) from None

    def _trouble(self, error: Exception, url: httpx.URL) -> Trouble:
        """What it means that `url` could not be asked."""
        if is_without_tls(error):
            return self._without_tls(url)
        if (why := untrusted(error)) is not None:
            return Trouble(
                "registry-untrusted",
                f"{host_of(url)} has a certificate that this deployer does not trust: {why}. If that comes from an "
                "authority of yours, give the deployer its certificate: SSL_CERT_FILE.",
            )
        return self._unreachable(spoken(error))

    def _without_tls(self, url: httpx.URL) -> Trouble:
        host, registry = host_of(url), self._referring or self.root
        if self._referring or not same_origin(url, registry):  # it said https: naming it to us would change nothing
            return Trouble(
                "registry-invalid", f"{host_of(registry)} refers to https://{host}, which answers without TLS."
            )
        return Trouble(
            "registry-not-tls",
            f"{host} answers without TLS. If that is right, tell the deployer, and start it again: "
            f"OWNSTACK_DEPLOYER_REGISTRIES_PLAIN={host}",
        )

    def _unreachable(self, why: str) -> Trouble:
        return Trouble(
            "registry-unreachable",
            f"{host_of(self.root)} can't be reached ({why}). Is it up, and does this deployer reach it?",
        )


@cache
def _trusted() -> ssl.SSLContext:
    """Whom we trust: what the machine trusts, and what is generally trusted."""
    context = httpx.create_ssl_context()
    context.load_default_certs()
    return context


def _redirect(asked: Asked, response: httpx.Response) -> str | None:
    if response.status_code not in _REDIRECTS or asked.method not in ("GET", "HEAD"):
        return None
    location: str | None = response.headers.get("Location")
    return location


def _asked_at(error: Exception) -> httpx.URL | None:
    """What was asked last, after redirects."""
    return error.request.url if isinstance(error, httpx.TransportError) else None
