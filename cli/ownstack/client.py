"""The HTTP client: every request with the token, every command with a key, so that it can be sent again safely."""

from __future__ import annotations

import re
import ssl
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from typing import Any
from urllib.parse import urlsplit

from ownstack.answers import Json, check, document
from ownstack.exits import Exit, Failure
from ownstack.profiles import Profile
from ownstack.sse import ServerSent, events

# httpx does without its own command line where that is not installed. Ours does not need it either, nor the third of
# its start that its imports (Click, Pygments) would take.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type] # None: as the import system has it
import httpx  # noqa: E402 - after that

PREFIX = "/api/v1"
WAIT = 20
"""How long one request asks the server to wait for a command's outcome, in seconds; then it is asked again."""
SILENCE = 45.0
"""A stream without even a heartbeat for so many seconds is taken for dead; the server sends one every 15 s."""
PATIENCE = 60.0
"""For how many seconds a server that has been reached once may be away before a command gives up."""
PAUSES = (0.1, 0.2, 0.5, 1.0, 2.0)
"""Between two attempts, in seconds; the last one again and again."""
_RESUMED = {"unreachable", "unavailable", "ahead-of-history", "too-many-streams"}
"""Failures after which a stream is taken up again: the server has just been started, or is busy."""

_LOOPBACK = re.compile(r"127(?:\.\d+){3}|localhost|::1")
_WAITED_FOR = {"unreachable": 1.0, "unavailable": 0.2}
"""Failures that may pass, and for which part of the patience they are waited for."""


class Client:
    """Speaks to one server. `transport`, `pause` and `clock` are replaced in tests."""

    def __init__(
        self,
        profile: Profile,
        *,
        transport: httpx.BaseTransport | None = None,
        pause: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        timeout: float = 30.0,
        patience: float = PATIENCE,
    ) -> None:
        address = urlsplit(profile.url)
        if address.scheme not in ("http", "https") or not address.hostname:
            hint = "It looks like http://127.0.0.1:8700 or https://ownstack.example.org."
            raise Failure("server-url", f"{profile.url!r} is no URL of a server.", hint=hint, exit_code=Exit.USAGE)
        self.profile = profile
        self._pause = pause
        self._clock = clock
        self._patience = patience
        self._reached = False
        token = {"Authorization": f"Bearer {profile.token}"} if profile.token else {}
        here = _LOOPBACK.fullmatch(address.hostname) is not None
        self._http = httpx.Client(
            base_url=profile.url.rstrip("/"),
            headers={"Accept": "application/json", "User-Agent": "ownstack", **token},
            timeout=httpx.Timeout(timeout, connect=min(timeout, 5.0)),
            transport=transport,
            trust_env=not here,  # a proxy can't reach this machine's own loopback
            verify=_nobody() if here and address.scheme == "http" else True,
        )

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def get(self, path: str, **query: object) -> Json:
        """A query below `/api/v1`. Query values that are None are left out. Raises Failure."""
        return document(self._send("GET", path, params=_given(query)))

    def pages(self, path: str, *, limit: int | None = None, **query: object) -> Iterator[Json]:
        """The items of a list, over all its pages, or the first `limit`."""
        cursor: str | None = None
        left = limit
        while left is None or left > 0:
            page = self.get(path, **query, cursor=cursor, limit=200 if left is None else min(left, 200))
            yield from page["items"]
            left = None if left is None else left - len(page["items"])
            cursor = page["next"]
            if cursor is None:
                return

    def post(self, path: str, body: Json) -> Json:
        """What is no command (tokens): sent once. Raises Failure."""
        return document(self._once("POST", path, json=body))

    def delete(self, path: str) -> None:
        """What is no command (tokens); deleting twice is harmless. Raises Failure."""
        self._send("DELETE", path)

    def command(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        key: str | None = None,
        wait: bool = True,
        **query: object,
    ) -> Json:
        """Send a command and return its view. Otherwise as `answer`."""
        view: Json = self.answer(method, path, body, key=key, wait=wait, **query)["command"]
        return view

    def answer(
        self,
        method: str,
        path: str,
        body: Json | None = None,
        *,
        key: str | None = None,
        wait: bool = True,
        **query: object,
    ) -> Json:
        """Send a command and return the answer: its view as `command`, and what is said beside. `key`: its id; None: a
        new one.

        It is sent again under the same key when the connection fails, and (wait) until its outcome is known: the
        server knows it by its key. Raises Failure, `exit_code` REJECTED if it was not admitted.
        """
        headers = {"Idempotency-Key": key or str(uuid.uuid4())}
        if wait:
            headers["Prefer"] = f"wait={WAIT}"
        while True:
            response = self._send(method, path, json=body, headers=headers, params=_given(query), timeout=WAIT + 15.0)
            answer = document(response)
            if not wait or answer["command"]["status"] != "accepted":
                return answer

    def follow(self, path: str, *, after: str | None = None, **query: object) -> Iterator[ServerSent]:
        """Live events from `after` on, without end: a lost connection is taken up again where it was.

        Raises Failure when the server is away for too long, or refuses.
        """
        last, failed_since, attempt = after, None, 0
        while True:
            try:
                with self._stream(path, last, query) as response:
                    check(response)
                    self._reached = True
                    for event in events(response.iter_bytes()):
                        failed_since, attempt = None, 0
                        last = event.id or last
                        if event.data:
                            yield event
            except (httpx.TransportError, Failure) as error:
                failure = error if isinstance(error, Failure) else self._unreachable(error)
                failed_since = self._clock() if failed_since is None else failed_since
                if failure.code not in _RESUMED or self._clock() - failed_since >= self._patience:
                    raise failure from None
            self._pause(PAUSES[min(attempt, len(PAUSES) - 1)])
            attempt += 1

    def _stream(
        self, path: str, last: str | None, query: Mapping[str, object]
    ) -> AbstractContextManager[httpx.Response]:
        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": last} if last is not None else {})
        timeout = httpx.Timeout(SILENCE, connect=5.0)
        return self._http.stream("GET", PREFIX + path, params=_given(query), headers=headers, timeout=timeout)

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Repeat what is safe to repeat, while the server may come back. Nobody there at all is said at once."""
        start, attempt = self._clock(), 0
        while True:
            try:
                return self._once(method, path, **options)
            except Failure as failure:
                if failure.code not in _WAITED_FOR or not self._reached:
                    raise
                if self._clock() - start >= _WAITED_FOR[failure.code] * self._patience:
                    raise
            self._pause(PAUSES[min(attempt, len(PAUSES) - 1)])
            attempt += 1

    def _once(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            response = self._http.request(method, PREFIX + path, **options)
        except httpx.TransportError as error:
            self._reached |= not isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
            raise self._unreachable(error) from None
        except httpx.InvalidURL as error:
            raise Failure("server-url", f"{self.profile.url!r}: {error}.", exit_code=Exit.USAGE) from None
        self._reached = True
        check(response)
        return response

    def _unreachable(self, error: httpx.TransportError) -> Failure:
        return Failure(
            "unreachable",
            f"{self.profile.url} does not answer: {str(error) or type(error).__name__}.",
            hint="Is it running (`ownstack up`)? `ownstack login URL` changes which server is asked.",
            exit_code=Exit.UNAVAILABLE,
        )


def _nobody() -> ssl.SSLContext:
    """Trusts no certificate. Where none is met, as without TLS and proxy, reading all that are trusted is lost time."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _given(query: Mapping[str, object]) -> dict[str, Any]:
    return {name: value for name, value in query.items() if value is not None}
