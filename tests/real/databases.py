"""The databases that the read model and the vault are tested on: the same tests, on both."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.real.postgres import database

BOTH = ("sqlite", "postgresql")


@contextmanager
def new_database(kind: str, folder: Path, name: str = "own stack.db") -> Iterator[str]:
    """The URL of a new database: a file in `folder`, or one of a PostgreSQL."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / name}"
        return
    with database() as url:
        yield url
