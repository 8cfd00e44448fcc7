"""The address of a database: what is understood here, and what may be told of it."""

from __future__ import annotations

import re

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from ownstack_readmodel.errors import DatabaseUnusable

SCHEMES = frozenset({"postgres", "postgresql", "postgresql+psycopg"})
_UP_TO_HOST = re.compile(r"^[^:]*://(?:[^:/]*(?::[^@]*)?@)?")
"""As SQLAlchemy reads it: a password ends at the first @."""


def parsed(url: str) -> URL:
    """The parts of an address. Raises DatabaseUnusable `database-url`, which repeats nothing of it."""
    try:
        found = make_url(url)
    except (ArgumentError, ValueError):
        found = None
    if found is not None and found.get_backend_name() == "sqlite":
        return found
    if found is None or found.drivername not in SCHEMES:
        raise DatabaseUnusable(
            "database-url",
            "The address of the database is not one that is understood here.",
            "Write sqlite:////path/to/file.db or postgresql://user:password@host:5432/name.",
        )
    if "@" in _UP_TO_HOST.sub("", url, count=1):
        raise DatabaseUnusable(
            "database-url",
            "The address of the database has an @ too many: where its host begins can't be told.",
            "Escape each other @, as in a password, as %40.",
        )
    return found


def told(url: URL) -> str:
    """Host, port and name: in all the rest there may be a password."""
    host = f"[{url.host}]" if ":" in (url.host or "") else url.host or ""
    port = f":{url.port}" if url.port else ""
    name = url.database or ""
    return f"{host}{port}/{name}" if host else name or "the default place"
