"""Ends a process whose event loop stands still: a supervisor starts it again, which is all that helps then."""

from __future__ import annotations

import asyncio
import faulthandler
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

STALLED = 70
"""The exit code of a process that stood still."""

BEATS = 10
"""So many times within its patience the loop says that it goes on."""


@contextmanager
def watched(patience: float) -> Iterator[None]:
    """Watch the running event loop meanwhile. patience: in seconds; after that all stacks are written to stderr.

    A process that was stopped as a whole (SIGSTOP, a suspended machine) has not stood still by its own fault: the
    watching thread stands still with it, and begins to count anew.
    """
    watch = _Watch(asyncio.get_running_loop(), patience)
    watch.start()
    try:
        yield
    finally:
        watch.stop()


class _Watch:
    def __init__(self, loop: asyncio.AbstractEventLoop, patience: float) -> None:
        self._loop = loop
        self._patience = patience
        self._pause = patience / BEATS
        self._beats = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)

    def start(self) -> None:
        self._beat()
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()

    def _beat(self) -> None:
        self._beats += 1
        if not self._ended.is_set():
            self._loop.call_later(self._pause, self._beat)

    def _run(self) -> None:
        seen, missed, last = 0, 0, time.monotonic()
        while not self._ended.wait(self._pause):
            now = time.monotonic()
            stopped = now - last > 2 * self._pause + 1
            last = now
            if self._beats != seen or stopped:
                seen, missed = self._beats, 0
                continue
            missed += 1
            if missed >= BEATS:
                sys.stderr.write(f"The event loop has stood still for {self._patience:.0f} s; the process ends.\n")
                faulthandler.dump_traceback(file=sys.stderr, all_threads=True)
                os._exit(STALLED)
