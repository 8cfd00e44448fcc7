"""What can be wrong between a deployer and a registry."""

from __future__ import annotations

from typing import TypeVar

T = TypeVar("T")

PASSING = frozenset({"registry-unavailable", "registry-unreachable", "registry-slow"})
"""Codes of what may pass by itself."""


class Trouble(Exception):
    """An image job does not come about. `code` is stable; `message` says what was wrong and what to do."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message[:2_000]


def expect(found: T | None, code: str, message: str) -> T:
    """What was found. Raises Trouble if it is nothing."""
    if found is None:
        raise Trouble(code, message)
    return found
