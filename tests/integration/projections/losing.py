"""A PostgreSQL that ends all connections at one moment, chosen by what a thread asks of it."""

from __future__ import annotations

import threading
from typing import Any

import psycopg
from sqlalchemy import Engine, event
from tests.real.postgres import hang_up

COMMIT = "COMMIT"


class Losing:
    """Once it is armed it ends all connections before the n-th statement or commit of a thread; or, of a commit, after
    it, and before its answer has come. `seen`: what there was since; `met`: whether there was an n-th."""

    def __init__(self, engine: Engine, url: str, thread: str) -> None:
        self.seen: list[str] = []
        self.met = False
        self._url, self._thread = url, thread
        self._at, self._answer, self._unanswered = 0, False, False
        self._do_commit = engine.dialect.do_commit
        engine.dialect.do_commit = self._commit  # type: ignore[method-assign]
        event.listen(engine, "before_cursor_execute", lambda *found: self._passed(found[2]))
        event.listen(engine, "commit", lambda _: self._passed(COMMIT))

    def arm(self, at: int, *, answer: bool = False) -> None:
        """From now on for one time; 0: never. answer: it is a commit, and only its answer is lost."""
        self.seen.clear()
        self._at, self._answer, self.met = at, answer, False

    def _passed(self, statement: str) -> None:
        if threading.current_thread().name.startswith(self._thread):
            self.seen.append(" ".join(statement.split()))
            if len(self.seen) == self._at:
                self.met = True
                self._unanswered = self._answer
                if not self._answer:
                    hang_up(self._url)

    def _commit(self, connection: Any) -> None:
        self._do_commit(connection)
        if self._unanswered and threading.current_thread().name.startswith(self._thread):
            self._unanswered = False
            hang_up(self._url)
            connection.dbapi_connection.close()
            raise psycopg.OperationalError("server closed the connection unexpectedly")
