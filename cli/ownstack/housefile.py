"""The one file of `ownstack up`: how it is called, and its address."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import URL, make_url

from ownstack.exits import Failure

FILE = "ownstack.db"


def database_of(path: Path) -> str:
    """The URL of the file for SQLAlchemy, whose versions differ in what they escape. Raises Failure `data-folder`."""
    url = URL.create("sqlite", database=str(path)).render_as_string()
    if make_url(url).database != str(path):
        raise Failure("data-folder", f"{path.parent} has signs in it that a URL can't say.", hint="--data DIR")
    return url
