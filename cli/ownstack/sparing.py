"""Keeps the log readable while something lasts: what a library says over and over is told once a minute."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from threading import Lock

PERIOD = 60.0
"""Seconds in which the same is told once: a client of a Kafka that is away says 200 lines a second."""
REMEMBERED = 1_000
"""Different messages that are told apart; with more, all are forgotten, and told again."""


@dataclass(slots=True)
class _Told:
    at: float
    withheld: int = 0


class Sparing(logging.Filter):
    """Lets a message of these loggers through once in a period; the next time it says how many were withheld.

    The same is what has the same logger, level and template, whatever is filled in.
    """

    def __init__(
        self, loggers: Collection[str], period: float = PERIOD, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """loggers: names of packages. period: in seconds. clock: in seconds."""
        super().__init__()
        self._loggers = frozenset(loggers)
        self._period, self._clock = period, clock
        self._told: dict[tuple[str, int, object], _Told] = {}
        self._lock = Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        """As logging has it."""
        if record.name.partition(".")[0] not in self._loggers:
            return True
        with self._lock:
            withheld = self._withheld((record.name, record.levelno, record.msg))
        if withheld is None:
            return False
        if withheld:
            record.msg, record.args = f"{record.getMessage()} (and {withheld} more like this before)", None
        return True

    def _withheld(self, kind: tuple[str, int, object]) -> int | None:
        """How many were withheld before this one, which is told; None: it is withheld itself."""
        now, told = self._clock(), self._told.get(kind)
        if told is not None and now - told.at < self._period:
            told.withheld += 1
            return None
        if told is None and len(self._told) >= REMEMBERED:
            self._told.clear()
        self._told[kind] = _Told(now)
        return told.withheld if told else 0
