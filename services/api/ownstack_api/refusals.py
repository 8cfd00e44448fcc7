"""Tells of refusals that come with every request: the first with its trace, then how many there were."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

log = logging.getLogger(__name__)

PERIOD_S = 10.0

Later = Callable[[float, Callable[[], None]], object]
"""Has something called after so many seconds."""


class Refusals:
    """What a neighbour refuses. `who`: the neighbour. later: by default a timer of the running loop."""

    def __init__(self, who: str, later: Later | None = None) -> None:
        self._who = who
        self._later = later or _by_the_loop
        self._counts: dict[str, int] = {}

    def note(self, kind: str, error: Exception) -> None:
        """It refused. `kind`: of a few that are told apart."""
        if kind in self._counts:
            self._counts[kind] += 1
            return
        log.error("%s refused: %s", self._who, kind, exc_info=error)
        self._counts[kind] = 0
        self._later(PERIOD_S, lambda: self._tell(kind))

    def _tell(self, kind: str) -> None:
        """A period is over. One without a refusal ends the series: the next one is told with its trace again."""
        count = self._counts[kind]
        if not count:
            del self._counts[kind]
            return
        log.error("%s refused %d more requests within %d s: %s", self._who, count, PERIOD_S, kind)
        self._counts[kind] = 0
        self._later(PERIOD_S, lambda: self._tell(kind))


def _by_the_loop(seconds: float, call: Callable[[], None]) -> None:
    asyncio.get_running_loop().call_later(seconds, call)
