"""Opens what lies in the database: the read model, and the vault. Only services that have the extras import it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from ownstack.exits import Exit, Failure
from ownstack.serve.opening import patiently
from ownstack.serve.settings import DatabaseSettings, ProcessSettings
from ownstack_readmodel import DatabaseUnusable, ReadModel, open_readmodel

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
    """The URL, with its password. Raises Failure `database-password`, `database-url`."""
    url = settings.database.get_secret_value()
    if settings.database_password_file is None:
        return url
    try:
        password = settings.database_password_file.read_text(encoding="utf-8").strip()
    except OSError as error:
        hint = "Name a file that this user may read."
        raise Failure("database-password", f"OWNSTACK_DATABASE_PASSWORD_FILE: {error}.", hint=hint) from None
    try:
        return make_url(url).set(password=password).render_as_string(hide_password=False)
    except ArgumentError:
        hint = "Write postgresql://user@host:5432/name."
        raise Failure("database-url", "OWNSTACK_DATABASE is not the address of a database.", hint=hint) from None
