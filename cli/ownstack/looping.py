"""Runs what is asynchronous, late: asyncio is a sixth of a start, and most commands need none of it."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run(work: Coroutine[Any, Any, T]) -> T:
    """What `work` returns, on an event loop of its own."""
    import asyncio  # noqa: PLC0415 - late

    return asyncio.run(work)
