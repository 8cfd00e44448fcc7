"""Opens what lies in the database: the read model, and the vault. Only services that have the extras import it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError

from ownstack.exits import Exit, Failure
from ownstack.serve.opening import patiently
from ownstack.serve.settings import DatabaseSettings, ProcessSettings
from ownstack_readmodel import DatabaseUnusable, ReadModel, open_readmodel
from ownstack_readmodel.addresses import parsed

T = TypeVar("T")


async def readmodel_of(process: ProcessSettings) -> ReadModel:
    """The read model, open. Raises Failure."""
    settings = DatabaseSettings()  # type: ignore[call-arg] # the environment gives it

    def away(error: Exception) -> bool:
        return isinstance(error, DatabaseUnusable) and error.passing

    try:
        return await database(open_readmodel, away, settings, process.start_patience)
    except DatabaseUnusable as error:
        raise Failure(error.code, error.message, hint=error.hint, exit_code=Exit.UNAVAILABLE) from error


async def database(
    opened: Callable[[str], T], away: Callable[[Exception], bool], settings: DatabaseSettings, patience: float
) -> T:
    """What `opened` makes of the database's URL, in a thread. Raises what it raises."""
    url = database_url(settings)
    return await patiently("the database", lambda: asyncio.to_thread(opened, url), away, patience)


def database_url(settings: DatabaseSettings) -> str:
    """The URL, with its password. Raises Failure `database-url`, `database-embedded`, `database-password`."""
    url = settings.database.get_secret_value()
    address = _address(url)
    if settings.database_password_file is None:
        return url
    password = _password(settings.database_password_file)
    return address.set(password=password).render_as_string(hide_password=False)


def _address(url: str) -> URL:
    """Its parts: that of a database which several processes may share."""
    try:
        address = parsed(url)
    except DatabaseUnusable as error:
        hint = "Write postgresql://user@host:5432/name, and an @ in a user or a password as %40."
        raise Failure(error.code, f"OWNSTACK_DATABASE: {error.message}", hint=hint, exit_code=Exit.USAGE) from None
    if address.get_backend_name() == "sqlite":
        hint = "Use `ownstack up` for one process on one file, or OWNSTACK_DATABASE=postgresql://user@host:5432/name."
        message = "One process owns an embedded database, and this is one of several."
        raise Failure("database-embedded", message, hint=hint, exit_code=Exit.USAGE)
    return address


def _password(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error if isinstance(error, OSError) else f"{file} is no text in UTF-8"
        hint = "Name a file that this user may read."
        message = f"OWNSTACK_DATABASE_PASSWORD_FILE: {why}."
        raise Failure("database-password", message, hint=hint, exit_code=Exit.USAGE) from None


def failed(error: DBAPIError) -> Failure:
    """What is said when the database failed under way."""
    said = " ".join(str(error.orig).split())
    hint = "Run the same command again once it answers; its log says more."
    return Failure("database-failed", f"The database failed: {said}.", hint=hint, exit_code=Exit.UNAVAILABLE)
