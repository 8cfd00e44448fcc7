"""Completes the names of apps, stacks, promotions and profiles in the shell: at once, or not at all."""

from __future__ import annotations

import os
from contextlib import closing

from ownstack.connect import connect_quickly
from ownstack.exits import Failure
from ownstack.profiles import choose, load, profiles_path

QUICK = 0.5
"""Whoever presses Tab does not wait longer, in seconds."""


def _names(path: str, field: str, incomplete: str, **query: object) -> list[str]:
    """Completion that fails is silent: an error would be written into the line that somebody types."""
    try:
        with closing(connect_quickly(choose(os.environ), QUICK)) as client:
            found = [str(item[field]) for item in client.pages(path, limit=200, **query)]
    except Failure:
        return []
    return [name for name in found if name.startswith(incomplete)]


def apps(incomplete: str) -> list[str]:
    """Names of apps."""
    return _names("/apps", "name", incomplete)


def stacks(incomplete: str) -> list[str]:
    """Names of stacks."""
    return _names("/stacks", "name", incomplete)


def pipelines(incomplete: str) -> list[str]:
    """Names of pipelines: of their production apps."""
    return _names("/pipelines", "production", incomplete)


def open_promotions(incomplete: str) -> list[str]:
    """Ids of promotions that can be cancelled."""
    return _names("/promotions", "id", incomplete, status="running") + _names(
        "/promotions", "id", incomplete, status="queued"
    )


def profiles(incomplete: str) -> list[str]:
    """Names of profiles."""
    try:
        return [name for name in load(profiles_path()).by_name if name.startswith(incomplete)]
    except Failure:
        return []
