"""Waits for the first of two: that something changed, or that it is time to end."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def first_of(changed: Coroutine[Any, Any, T], end: asyncio.Event, timeout: float | None = None) -> T | None:
    """Returns what `changed` returns, or None if it was `end` that came first, or `timeout` seconds have passed.

    Raises what `changed` raises. Leaves nothing behind, also when cancelled.
    """
    change = asyncio.create_task(changed)
    ending = asyncio.create_task(end.wait())
    try:
        await asyncio.wait({change, ending}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        return change.result() if change.done() else None
    finally:
        change.cancel()
        ending.cancel()
        await asyncio.gather(change, ending, return_exceptions=True)
