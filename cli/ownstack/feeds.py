"""Streams of the server, read side by side: what comes of any of them is given in the order in which it comes."""

from __future__ import annotations

import queue
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ownstack.client import Client
    from ownstack.sse import ServerSent

Came = tuple[str, "ServerSent"]
"""The name of a stream, and an event of it."""


class Feeds:
    """Each stream is read by a thread, which nobody waits for in the end: it may wait for the server at that time."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._came: queue.SimpleQueue[Came | BaseException] = queue.SimpleQueue()
        self._closed = threading.Event()

    def open(self, name: str, path: str, *, after: str, **query: object) -> None:
        """Read one more stream, from `after` on."""
        reader = threading.Thread(target=self._read, args=(name, path, after, query), name=name, daemon=True)
        reader.start()

    def next(self, until: float | None = None) -> Came | None:
        """What comes next; None if nothing has come by `until`, as `time.monotonic` counts. None: wait for ever.

        Raises the Failure that ended a stream.
        """
        try:
            came = self._came.get(timeout=None if until is None else max(0.0, until - time.monotonic()))
        except queue.Empty:
            return None
        if isinstance(came, BaseException):
            raise came
        return came

    def close(self) -> None:
        """Take nothing more."""
        self._closed.set()

    def _read(self, name: str, path: str, after: str, query: dict[str, object]) -> None:
        """Whatever ends a stream is raised where its events are read, not here."""
        try:
            for event in self._client.follow(path, after=after, **query):
                if self._closed.is_set():
                    return
                self._came.put((name, event))
        except BaseException as error:
            self._came.put(error)
