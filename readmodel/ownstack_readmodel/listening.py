"""One connection that listens, in a thread of its own, for as long as the process wants to hear."""

from __future__ import annotations

import asyncio
import logging
import os
import select
import threading
from collections.abc import Callable
from typing import Any

import psycopg
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

log = logging.getLogger(__name__)

CHANNEL = "ownstack_readmodel"
"""Of PostgreSQL: within one database."""
CHECK_S = 15.0
"""After so long without a notification the connection is tried, lest it be dead without a word."""
FIRST_DELAY_S, LAST_DELAY_S = 0.1, 2.0
"""Before another connection is tried."""

Heard = Callable[[str | None], None]
"""Is called on the loop with each payload; with None whenever listening begins (again)."""


class Listener:
    """Listens from the first `listen` to `close`, through restarts of the server."""

    def __init__(self, engine: Engine, heard: Heard) -> None:
        self._engine, self._heard = engine, heard
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._closing = threading.Event()
        self._wake_read, self._wake_write = os.pipe()
        self._delay, self._away = FIRST_DELAY_S, False

    def listen(self, loop: asyncio.AbstractEventLoop) -> None:
        """Tell what is heard on `loop`, from now on."""
        self._loop = loop
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="readmodel-listener", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """End the thread and its connection."""
        if self._closing.is_set():
            return
        self._closing.set()
        os.write(self._wake_write, b"x")
        if self._thread is not None:
            self._thread.join()
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                self._listen()
            except (SQLAlchemyError, psycopg.Error, OSError) as error:
                self._lost(error)

    def _lost(self, error: Exception) -> None:
        if not self._away:
            log.warning("no live updates until the database is back: %s", error)
        self._away = True
        self._closing.wait(self._delay)
        self._delay = min(self._delay * 2, LAST_DELAY_S)

    def _listen(self) -> None:
        """Until closing. Raises SQLAlchemyError, psycopg.Error or OSError if there is no connection, or it is lost."""
        connection = self._engine.raw_connection()
        try:
            driver: Any = connection.driver_connection
            driver.execute(f"LISTEN {CHANNEL}")
            if self._away:
                log.warning("live updates go on")
            self._delay, self._away = FIRST_DELAY_S, False
            self._tell(None)
            self._pass_on(driver)
        finally:
            connection.invalidate()

    def _pass_on(self, driver: Any) -> None:
        poll = select.poll()
        poll.register(driver.fileno(), select.POLLIN)
        poll.register(self._wake_read, select.POLLIN)
        while not self._closing.is_set():
            if not poll.poll(CHECK_S * 1_000):
                driver.execute("SELECT 1")
            for notification in driver.notifies(timeout=0):
                self._tell(notification.payload)

    def _tell(self, payload: str | None) -> None:
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(self._heard, payload)
        except RuntimeError:
            log.debug("nobody waits any more: the loop is closed")
