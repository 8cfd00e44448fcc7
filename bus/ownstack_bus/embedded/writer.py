"""The one thread that writes: whatever waits at a moment goes into one durable commit."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeVar

from ownstack_bus.embedded.errors import translated
from ownstack_bus.embedded.ledger import Commit, Fence, Ledger, Submission
from ownstack_bus.embedded.log import Log, Logs
from ownstack_bus.port import BusError, Outgoing

logger = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(slots=True, eq=False)
class _Task:
    """Something else to be done in the writer's thread, after all that was submitted before it."""

    future: asyncio.Future[Any]
    call: Callable[[Ledger, sqlite3.Connection], Any]


_Item = Submission | _Task


class Writer:
    """Owns the writing connection and its thread. Made and called on the event loop."""

    def __init__(
        self,
        path: Path,
        connection: sqlite3.Connection,
        ledger: Ledger,
        logs: Logs,
        write_lock: AbstractContextManager[object],
    ) -> None:
        self._path = path
        self._connection = connection
        self._ledger = ledger
        self._logs = logs
        self._write_lock = write_lock
        self._loop = asyncio.get_running_loop()
        self._closed: BusError | None = None
        self._waiting: list[_Item] = []
        self._queue: SimpleQueue[list[_Item] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="ownstack-bus-writer", daemon=True)
        self._thread.start()

    # On the event loop

    def commit(
        self,
        appends: dict[Log, list[Outgoing]],
        positions: Sequence[tuple[str, Log, int]] = (),
        acks: Sequence[tuple[str, Log, int]] = (),
        fence: Fence | None = None,
        then: Callable[[], None] | None = None,
    ) -> asyncio.Future[None]:
        """Have this committed together; the future is done when it is durable, or has the BusError.

        Commits keep the order of the calls. For the arguments see Submission.
        """
        future: asyncio.Future[None] = self._loop.create_future()
        self._submit(Submission(future, appends, positions, acks, fence, then))
        return future

    def run(self, call: Callable[[Ledger, sqlite3.Connection], T]) -> asyncio.Future[T]:
        """Have `call` run in the writer's thread, after all that was submitted before; the future has its result."""
        future: asyncio.Future[T] = self._loop.create_future()
        self._submit(_Task(future, call))
        return future

    async def probe(self) -> None:
        """Write something.

        Raises BusError: writing is not possible.
        """
        await self.run(
            lambda _, connection: connection.execute("UPDATE bus_meta SET value = value WHERE key = 'version'")
        )

    async def close(self) -> None:
        """Write what was submitted, then end. What is submitted from now on fails with `bus-closed`."""
        self._closed = BusError("bus-closed", "The bus is closed. Open it again.")
        self._flush()
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join)

    def check(self) -> None:
        """Raises BusError `bus-closed` once the bus is closed."""
        if self._closed:
            raise self._closed

    def _submit(self, item: _Item) -> None:
        if self._closed:
            item.future.set_exception(self._closed)
            return
        if not self._waiting:
            # What others submit in this turn of the loop goes along.
            self._loop.call_soon(self._flush)
        self._waiting.append(item)

    def _flush(self) -> None:
        if self._waiting:
            self._queue.put(self._waiting)
            self._waiting = []

    def _deliver(self, commit: Commit, submissions: Sequence[Submission]) -> None:
        for log, records in commit.appended:
            self._logs.appended(log, records)
        for submission in submissions:
            if submission.then:
                submission.then()
            _settle(submission.future, None, None)

    # In the thread

    def _run(self) -> None:
        going_on = True
        while going_on:
            items, going_on = self._next()
            group: list[Submission] = []
            for item in items:
                if isinstance(item, Submission):
                    group.append(item)
                else:
                    self._commit(group)
                    group = []
                    self._call(item)
            self._commit(group)
        self._connection.close()

    def _next(self) -> tuple[list[_Item], bool]:
        """All that waits, at least one thing; and whether more may come."""
        items: list[_Item] = []
        while not items or not self._queue.empty():
            more = self._queue.get()
            if more is None:
                return items, False
            items += more
        return items, True

    def _commit(self, group: list[Submission]) -> None:
        submissions = []
        for submission in group:
            if submission.fence and submission.fence.broken:
                self._tell(_settle, submission.future, None, submission.fence.broken)
            else:
                submissions.append(submission)
        if not submissions:
            return
        try:
            commit = self._ledger.draft(submissions)
            with self._write_lock:
                self._ledger.write(commit)
        except Exception as failure:
            self._failed(submissions, self._error(failure))
        else:
            self._tell(self._deliver, commit, submissions)

    def _failed(self, submissions: Sequence[Submission], error: BusError) -> None:
        for submission in submissions:
            if submission.fence:
                submission.fence.broken = error
            self._tell(_settle, submission.future, None, error)

    def _call(self, task: _Task) -> None:
        result, error = None, None
        try:
            with self._write_lock:
                result = task.call(self._ledger, self._connection)
        except Exception as failure:
            error = self._error(failure)
        self._tell(_settle, task.future, result, error)

    def _error(self, failure: Exception) -> BusError:
        try:
            self._ledger.roll_back()
        except sqlite3.Error:
            logger.exception("The bus could not roll back")
        if isinstance(failure, sqlite3.Error):
            return translated(failure, self._path)
        logger.error("The bus could not commit", exc_info=failure)
        return BusError("bus-error", f"The bus could not commit ({failure!r}). This is a fault of the bus; report it.")

    def _tell(self, call: Callable[..., None], *args: object) -> None:
        try:
            self._loop.call_soon_threadsafe(call, *args)
        except RuntimeError:
            logger.warning("The event loop ended before the bus was closed; nobody is left to be told of a commit")


def _settle(future: asyncio.Future[Any], result: object, error: BusError | None) -> None:
    if future.done():
        return  # whoever waited was cancelled
    if error:
        future.set_exception(error)
    else:
        future.set_result(result)
