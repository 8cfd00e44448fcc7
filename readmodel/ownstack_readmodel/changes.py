"""Who waits for the read model to hold something new is told so: within one process, without polling.

Where the projections run in another process, an adapter of `Changes` has to hear of their commits in its own way
(LISTEN/NOTIFY, polling): what waits here stays the same.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

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


_Subject = tuple[str, str, str]


class LocalChanges:
    """The projections of this process tell of their commits here; both sides are on one event loop."""

    def __init__(self) -> None:
        self._flags: dict[_Subject, set[_Flag]] = {}

    def of_team(self, team: str) -> AbstractContextManager[Signal]:
        """As `Changes` has it."""
        return self._watch(("team", team, ""))

    def of_command(self, team: str, command: str) -> AbstractContextManager[Signal]:
        """As `Changes` has it."""
        return self._watch(("command", team, command))

    def of_logs(self, team: str, app: str) -> AbstractContextManager[Signal]:
        """As `Changes` has it."""
        return self._watch(("logs", team, app))

    @contextmanager
    def _watch(self, subject: _Subject) -> Iterator[Signal]:
        flag = _Flag()
        self._flags.setdefault(subject, set()).add(flag)
        try:
            yield flag
        finally:
            flags = self._flags[subject]
            flags.discard(flag)
            if not flags:
                del self._flags[subject]

    def facts_stored(self, teams: Collection[str], commands: Collection[Command]) -> None:
        """Facts of these teams, and the outcomes of these commands, were committed."""
        if self._flags:
            self._set(("team", team, "") for team in teams)
            self._set(("command", *command) for command in commands)

    def lines_stored(self, apps: Collection[AppOfTeam]) -> None:
        """Log lines of these apps were committed."""
        if self._flags:
            self._set(("logs", *app) for app in apps)

    def _set(self, subjects: Iterator[_Subject]) -> None:
        for subject in subjects:
            for flag in self._flags.get(subject, ()):
                flag.set()

    @property
    def watches(self) -> int:
        """How many watches are open."""
        return sum(len(flags) for flags in self._flags.values())
