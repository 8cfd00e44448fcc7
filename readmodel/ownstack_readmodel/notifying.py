"""Changes over PostgreSQL: whoever commits notifies, within the transaction; one connection per process listens.

A process that waits hears of the commits of all others within milliseconds. After a time without a connection anything
may have been missed, so all who wait are told to look.
"""

from __future__ import annotations

import asyncio
from base64 import b85encode
from collections.abc import Collection
from contextlib import AbstractContextManager
from hashlib import blake2b

from sqlalchemy import Connection, Engine

from ownstack_readmodel.changes import (
    AppOfTeam,
    Command,
    Flags,
    Signal,
    Subject,
    subjects_of_facts,
    subjects_of_lines,
)
from ownstack_readmodel.listening import CHANNEL, Listener

PAYLOAD_MOST = 7_900
"""Bytes of a notification; PostgreSQL takes less than 8,000."""
EVERYTHING = "*"
PAYLOADS_MOST = 20
"""More are not worth it: then everything has changed."""
_NOTIFY = "SELECT pg_notify(%s, %s)"


def mark(subject: Subject) -> str:
    """A few letters that stand for a subject: names are long, and nobody else's business. Who is woken by mistake
    looks, and finds nothing."""
    return b85encode(blake2b("\0".join(subject).encode(), digest_size=8).digest()).decode()


def payloads(subjects: Collection[Subject]) -> list[str]:
    """The notifications that tell of these."""
    marks = sorted({mark(subject) for subject in subjects})
    each = PAYLOAD_MOST // 11
    if len(marks) > each * PAYLOADS_MOST:
        return [EVERYTHING]
    return [" ".join(marks[start : start + each]) for start in range(0, len(marks), each)]


class PostgresChanges:
    """Both ends of the channel for one process. It listens from the first watch on; watches are of one event loop."""

    def __init__(self, engine: Engine) -> None:
        self._flags = Flags()
        self._listener = Listener(engine, self._heard)

    def of_team(self, team: str) -> AbstractContextManager[Signal]:
        """As `Changes` has it."""
        return self._watch(("team", team, ""))

    def of_command(self, team: str, command: str) -> AbstractContextManager[Signal]:
        """As `Changes` has it."""
        return self._watch(("command", team, command))

    def of_logs(self, team: str, app: str) -> AbstractContextManager[Signal]:
        """As `Changes` has it."""
        return self._watch(("logs", team, app))

    def _watch(self, subject: Subject) -> AbstractContextManager[Signal]:
        self._listener.listen(asyncio.get_running_loop())
        return self._flags.watch(mark(subject))

    def _heard(self, payload: str | None) -> None:
        """On the loop: a notification came; None: anything may have been missed."""
        if payload is None or payload == EVERYTHING:
            self._flags.tell_all()
        else:
            self._flags.tell(payload.split(" "))

    def announce_facts(self, connection: Connection, teams: Collection[str], commands: Collection[Command]) -> None:
        """As `Channel` has it."""
        self._announce(connection, payloads(subjects_of_facts(teams, commands)))

    def announce_lines(self, connection: Connection, apps: Collection[AppOfTeam]) -> None:
        """As `Channel` has it."""
        self._announce(connection, payloads(subjects_of_lines(apps)))

    def announce_all(self, connection: Connection) -> None:
        """As `Channel` has it."""
        self._announce(connection, [EVERYTHING])

    def _announce(self, connection: Connection, told: Collection[str]) -> None:
        for payload in told:
            connection.exec_driver_sql(_NOTIFY, (CHANNEL, payload))

    def facts_stored(self, teams: Collection[str], commands: Collection[Command]) -> None:
        """As `Channel` has it: who waits in this very process need not wait for the notification."""
        if self._flags:
            self._flags.tell(map(mark, subjects_of_facts(teams, commands)))

    def lines_stored(self, apps: Collection[AppOfTeam]) -> None:
        """As `Channel` has it."""
        if self._flags:
            self._flags.tell(map(mark, subjects_of_lines(apps)))

    def all_stored(self) -> None:
        """As `Channel` has it."""
        self._flags.tell_all()

    @property
    def watches(self) -> int:
        """How many watches are open."""
        return len(self._flags)

    def close(self) -> None:
        """Stop listening."""
        self._listener.close()
