"""Who waits for the read model to hold something new is told so, without polling: here, within one process.

Where the projections run in other processes, their commits tell (`notifying`): what waits stays the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Hashable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from sqlalchemy import Connection

Command = tuple[str, str]
"""A team and the id of one of its commands."""
AppOfTeam = tuple[str, str]
"""A team and the name of one of its apps."""


class Signal(Protocol):
    """Set when there may be something new. Watch first, then query, then wait: so nothing is missed."""

    async def wait(self, timeout: float | None = None) -> bool:
        """Until something is new since the last `wait` (or since the watch began); False after `timeout` seconds."""


class Changes(Protocol):
    """What can be watched. A watch ends with its context."""

    def of_team(self, team: str) -> AbstractContextManager[Signal]:
        """Any fact of the team."""

    def of_command(self, team: str, command: str) -> AbstractContextManager[Signal]:
        """The outcome of a command."""

    def of_logs(self, team: str, app: str) -> AbstractContextManager[Signal]:
        """Log lines of an app."""


class Channel(Changes, Protocol):
    """Both ends: who waits, and who tells. What is announced in a transaction is told once it is committed, and not at
    all if it is not; `…_stored` is told at once, by whoever has committed it, on the loop of those who wait."""

    def announce_facts(self, connection: Connection, teams: Collection[str], commands: Collection[Command]) -> None:
        """Facts of these teams, and the outcomes of these commands, are committed with this transaction."""

    def announce_lines(self, connection: Connection, apps: Collection[AppOfTeam]) -> None:
        """Log lines of these apps are committed with this transaction."""

    def announce_all(self, connection: Connection) -> None:
        """With this transaction anything may have changed."""

    def facts_stored(self, teams: Collection[str], commands: Collection[Command]) -> None:
        """Facts of these teams, and the outcomes of these commands, were committed."""

    def lines_stored(self, apps: Collection[AppOfTeam]) -> None:
        """Log lines of these apps were committed."""

    def all_stored(self) -> None:
        """Anything may have changed."""

    @property
    def watches(self) -> int:
        """How many watches are open."""

    def close(self) -> None:
        """Nobody is told any more."""


class _Flag:
    """An event of asyncio that is spent by waiting for it."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def set(self) -> None:
        self._event.set()

    async def wait(self, timeout: float | None = None) -> bool:
        try:
            async with asyncio.timeout(timeout):
                await self._event.wait()
        except TimeoutError:
            return False
        self._event.clear()
        return True


Subject = tuple[str, str, str]
"""What is watched: its kind, its team, and its name if it is not the team."""


def subjects_of_facts(teams: Collection[str], commands: Collection[Command]) -> list[Subject]:
    """What changes with facts of these teams, and the outcomes of these commands."""
    return [*(("team", team, "") for team in teams), *(("command", *command) for command in commands)]


def subjects_of_lines(apps: Collection[AppOfTeam]) -> list[Subject]:
    """What changes with log lines of these apps."""
    return [("logs", *app) for app in apps]


class Flags:
    """Flags by what they are about, for one event loop."""

    def __init__(self) -> None:
        self._flags: dict[Hashable, set[_Flag]] = {}

    @contextmanager
    def watch(self, subject: Hashable) -> Iterator[Signal]:
        """A flag about `subject`, for as long as the context lasts."""
        flag = _Flag()
        self._flags.setdefault(subject, set()).add(flag)
        try:
            yield flag
        finally:
            flags = self._flags[subject]
            flags.discard(flag)
            if not flags:
                del self._flags[subject]

    def tell(self, subjects: Iterable[Hashable]) -> None:
        """Set all flags about these."""
        for subject in subjects:
            for flag in self._flags.get(subject, ()):
                flag.set()

    def tell_all(self) -> None:
        """Set all flags."""
        self.tell(list(self._flags))

    def __bool__(self) -> bool:
        return bool(self._flags)

    def __len__(self) -> int:
        return sum(len(flags) for flags in self._flags.values())


class LocalChanges:
    """The projections of this process tell of their commits here; both sides are on one event loop."""

    def __init__(self) -> None:
        self._flags = Flags()

    def of_team(self, team: str) -> AbstractContextManager[Signal]:
        """As `Changes` has it."""
        return self._flags.watch(("team", team, ""))

    def of_command(self, team: str, command: str) -> AbstractContextManager[Signal]:
        """As `Changes` has it."""
        return self._flags.watch(("command", team, command))

    def of_logs(self, team: str, app: str) -> AbstractContextManager[Signal]:
        """As `Changes` has it."""
        return self._flags.watch(("logs", team, app))

    def announce_facts(self, connection: Connection, teams: Collection[str], commands: Collection[Command]) -> None:
        """Nobody outside of this process is to be told."""

    def announce_lines(self, connection: Connection, apps: Collection[AppOfTeam]) -> None:
        """Nobody outside of this process is to be told."""

    def announce_all(self, connection: Connection) -> None:
        """Nobody outside of this process is to be told."""

    def facts_stored(self, teams: Collection[str], commands: Collection[Command]) -> None:
        """As `Channel` has it."""
        if self._flags:
            self._flags.tell(subjects_of_facts(teams, commands))

    def lines_stored(self, apps: Collection[AppOfTeam]) -> None:
        """As `Channel` has it."""
        if self._flags:
            self._flags.tell(subjects_of_lines(apps))

    def all_stored(self) -> None:
        """As `Channel` has it."""
        self._flags.tell_all()

    @property
    def watches(self) -> int:
        """How many watches are open."""
        return len(self._flags)

    def close(self) -> None:
        """There is nothing to let go of."""
