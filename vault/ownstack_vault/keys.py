"""The rows of keys: which there are, in whatever is one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from sqlalchemy import ColumnElement, Connection, Row, delete, func, select, update

from ownstack_vault.secretkeys import Wrapped
from ownstack_vault.store import insert_into
from ownstack_vault.tables import KEYS

Kind = Literal["data", "team", "hook"]
_KEY = list(KEYS.primary_key.columns)


class KeyName(NamedTuple):
    """Which key it is. Ids of creations are told apart by team: each team counts its own."""

    kind: Kind
    team: str
    name: str = ""


class Kept(NamedTuple):
    """A key that is stored. wrapped None: it was destroyed."""

    name: KeyName
    wrapped: Wrapped | None


def found(connection: Connection, names: Iterable[KeyName]) -> Mapping[KeyName, Wrapped | None]:
    """Those of `names` that there are; None: destroyed."""
    rows = (connection.execute(_SELECT.where(_is(name))).one_or_none() for name in names)
    return {kept.name: kept.wrapped for row in rows if row is not None for kept in [_kept(row)]}


def of_kind(connection: Connection, kind: Kind, team: str | None, name: str | None) -> Sequence[Kept]:
    """All of a kind; of one team, and with one name, if these are given."""
    chosen = _SELECT.where(KEYS.c.kind == kind).order_by(KEYS.c.team, KEYS.c.name)
    if team is not None:
        chosen = chosen.where(KEYS.c.team == team)
    if name is not None:
        chosen = chosen.where(KEYS.c.name == name)
    return [_kept(row) for row in connection.execute(chosen)]


def not_under(connection: Connection, secret_key: str) -> Sequence[Kept]:
    """All that are wrapped with another secret key. Where others write too, they wait."""
    chosen = _SELECT.where(KEYS.c.secret_key.is_not(None), KEYS.c.secret_key != secret_key).with_for_update()
    return [_kept(row) for row in connection.execute(chosen)]


def secret_keys(connection: Connection) -> set[str]:
    """The ids of all secret keys that something is wrapped with."""
    return set(connection.execute(select(KEYS.c.secret_key).where(KEYS.c.secret_key.is_not(None)).distinct()).scalars())


def add(connection: Connection, name: KeyName, wrapped: Wrapped, now: int) -> None:
    """Store a key, unless there is one, or was."""
    row = {**name._asdict(), "secret_key": wrapped.secret_key, "wrapped": wrapped.blob, "created_at": now}
    connection.execute(insert_into(connection, KEYS).values(row).on_conflict_do_nothing())


def put(connection: Connection, name: KeyName, wrapped: Wrapped, now: int) -> None:
    """Store a key in the place of that which there may be."""
    row = {"secret_key": wrapped.secret_key, "wrapped": wrapped.blob, "created_at": now, "destroyed_at": None}
    insert = insert_into(connection, KEYS).values({**name._asdict(), **row})
    connection.execute(insert.on_conflict_do_update(index_elements=_KEY, set_=row))


def rewrap(connection: Connection, kept: Kept, wrapped: Wrapped) -> int:
    """Store the same key, wrapped anew, unless it is not what it was. Returns how many rows that changed."""
    assert kept.wrapped is not None
    same = _is(kept.name) & (KEYS.c.wrapped == kept.wrapped.blob)
    changed = update(KEYS).where(same).values(secret_key=wrapped.secret_key, wrapped=wrapped.blob)
    return connection.execute(changed).rowcount


def destroy(connection: Connection, name: KeyName, at: int) -> None:
    """Let nothing remain of a key but that it was destroyed at `at` (ms since the epoch), or never to be made."""
    row = {"secret_key": None, "wrapped": None, "destroyed_at": at}
    insert = insert_into(connection, KEYS).values({**name._asdict(), **row, "created_at": at})
    first = func.coalesce(KEYS.c.destroyed_at, at)
    gone = insert.on_conflict_do_update(index_elements=_KEY, set_={**row, "destroyed_at": first})
    connection.execute(gone)


def remove(connection: Connection, name: KeyName) -> int:
    """Remove a key without a trace, if there is one: another may take its place. Returns how many there were."""
    return connection.execute(delete(KEYS).where(_is(name))).rowcount


def forget_under(connection: Connection, lost: Iterable[str]) -> int:
    """Remove all keys that are wrapped with these secret keys, without a trace. Returns how many."""
    return connection.execute(delete(KEYS).where(KEYS.c.secret_key.in_(list(lost)))).rowcount


_SELECT = select(KEYS.c.kind, KEYS.c.team, KEYS.c.name, KEYS.c.secret_key, KEYS.c.wrapped)


def _is(name: KeyName) -> ColumnElement[bool]:
    return (KEYS.c.kind == name.kind) & (KEYS.c.team == name.team) & (KEYS.c.name == name.name)


def _kept(row: Row[*tuple[Any, ...]]) -> Kept:
    wrapped = None if row.secret_key is None or row.wrapped is None else Wrapped(row.secret_key, row.wrapped)
    return Kept(KeyName(row.kind, row.team, row.name), wrapped)
