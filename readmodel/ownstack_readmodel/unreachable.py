"""Says in words, and with a code, why a PostgreSQL can't be used."""

from __future__ import annotations

from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError

from ownstack_readmodel.addresses import told
from ownstack_readmodel.errors import DatabaseUnusable
from ownstack_readmodel.failures import passes

REFUSED_STATES = ("28", "42501")
"""SQL states of a server that knows us and does not let us."""
READ_ONLY = "25006"
"""SQL state of a server that is not the leading one, or is not yet."""
REFUSED = ("password authentication failed", "authentication failed", "no pg_hba.conf entry", "no password supplied")
MISSING = "does not exist"


def explained(url: URL, error: DBAPIError) -> DatabaseUnusable:
    """What was wrong when the database at `url` was to be opened.

    The driver hands down no SQL state of a connection that was refused, only the server's words.
    """
    where = told(url)
    said = " ".join(str(error.orig).split())
    state = getattr(error.orig, "sqlstate", None)
    if state is None:
        return _unconnected(url, where, said)
    if state == READ_ONLY:
        hint = "If this lasts, give the address of the server that takes writes."
        return DatabaseUnusable("database-read-only", f"{where} takes no writes: {said}.", hint, passing=True)
    if state.startswith(REFUSED_STATES):
        hint = "Give its user the rights to create tables there: GRANT CREATE, USAGE ON SCHEMA public TO …."
        return DatabaseUnusable("database-refused", f"{where} does not let us: {said}.", hint)
    return DatabaseUnusable("database-failed", f"{where} failed: {said}.", "Its log says more.", passing=passes(error))


def _unconnected(url: URL, where: str, said: str) -> DatabaseUnusable:
    if f'database "{url.database or url.username}" {MISSING}' in said:
        return DatabaseUnusable("database-missing", f"There is no database at {where}.", "Create it: createdb NAME.")
    if any(words in said for words in REFUSED) or ("role" in said and MISSING in said):
        hint = "Check user and password."
        return DatabaseUnusable("database-refused", f"{where} does not let us in: {said}.", hint)
    hint = "Does it run, and is its address right?"
    return DatabaseUnusable("database-unreachable", f"{where} can't be reached: {said}.", hint, passing=True)
