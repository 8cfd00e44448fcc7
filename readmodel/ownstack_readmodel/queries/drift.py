"""Drift: something else is live on a stack than what we released there last."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

SHORT = 7
"""So many digits of a digest are shown."""


def short(digest: str) -> str:
    """The first digits of a digest, for people."""
    return digest.partition(":")[2][:SHORT]


def has_drifted(row: Row[Any]) -> bool:
    """Of a row of an app on a stack. What is not known has not drifted, nor has what we never released or found."""
    return row.released_digest is not None and row.status != "unknown" and row.digest != row.released_digest


def drift_message(row: Row[Any], release: int | None, expected: int | None) -> str:
    """What is live there, and what is not. `release`: that is live there; `expected`: that we left there."""
    left = f"v{expected}" if expected is not None else f"image {short(row.released_digest)}"
    if row.status == "nothing":
        return f"{row.stack} runs nothing instead of {left}: somebody has removed it past us."
    return f"{row.stack} runs {_named(row, release)} instead of {left}: somebody has deployed past us."


def without_digest(row: Row[Any]) -> str:
    """An image that has no digest, by what its stack calls it."""
    return f"an image without digest ({row.reference})" if row.reference else "an image without digest"


def _named(row: Row[Any], release: int | None) -> str:
    if row.digest is None:
        return without_digest(row)
    return f"v{release}" if release is not None else f"image {short(row.digest)}"
