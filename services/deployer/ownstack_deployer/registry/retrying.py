"""Tries again what may pass by itself: a registry that is busy, restarted, or out of reach for a moment."""

from __future__ import annotations

import asyncio
import email.utils
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

import httpx

from ownstack_deployer.registry.places import host_of
from ownstack_deployer.registry.trouble import Trouble
from ownstack_deployer.registry.wire import Answer, Asked, Wire

PATIENCE = 30.0
"""Seconds for which something is tried again."""
FIRST_PAUSE, LAST_PAUSE = 0.5, 8.0

Sleep = Callable[[float], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Retrying:
    """Asks again until there is an answer that is one. `clock` in seconds; `date` in seconds since the epoch."""

    wire: Wire
    clock: Callable[[], float] = time.monotonic
    sleep: Sleep = asyncio.sleep
    date: Callable[[], float] = time.time

    def at(self, root: httpx.URL) -> Retrying:
        """The same for another place."""
        return replace(self, wire=self.wire.at(root))

    async def exchange(self, asked: Asked, authorization: str | None = None) -> Answer:
        """The answer: any but 429 and 5xx. Raises Trouble when it has not come for 30 s: that which was met last."""
        until, pause = self.clock() + PATIENCE, FIRST_PAUSE
        while True:
            wait = pause
            try:
                answer = await self.wire.exchange(asked, authorization)
            except Trouble as met:
                if met.code != "registry-unreachable":
                    raise
                trouble = met
            else:
                if not _is_passing(answer.status):
                    return answer
                trouble, wait = _unavailable(answer), max(pause, self._asked_for(answer))
            # What is streamed has gone: it can't be sent again.
            if self.clock() + wait > until or asked.is_streamed:
                raise trouble
            await self.sleep(wait)
            pause = min(pause * 2, LAST_PAUSE)

    def _asked_for(self, answer: Answer) -> float:
        """Seconds that the registry wants to be left alone (RFC 9110, 10.2.3)."""
        said = answer.headers.get("Retry-After", "").strip()
        if said.isascii() and said.isdigit():
            return float(said[:9])
        try:
            return email.utils.parsedate_to_datetime(said).timestamp() - self.date()
        except (ValueError, OverflowError):
            return 0.0


def _is_passing(status: int) -> bool:
    return status == 429 or status >= 500


def _unavailable(answer: Answer) -> Trouble:
    what = "takes no more requests for now" if answer.status == 429 else "is not well"
    return Trouble(
        "registry-unavailable", f"{host_of(answer.url)} {what} (HTTP {answer.status}). Try again once it is."
    )
