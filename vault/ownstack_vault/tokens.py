"""Tokens: who may speak for a team. Only their hashes are kept; the secret is shown once."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

from sqlalchemy import Row, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from ownstack_vault.store import Store
from ownstack_vault.tables import TOKENS

PREFIX = "own_"
"""What every secret begins with, so that people and secret scanners know it when they see it."""

SECRET_BYTES = 32
FIRST_TOKEN_NAME = "first"  # noqa: S105 - a name, no secret


@dataclass(frozen=True, slots=True)
class Token:
    """What is known of a token. `ending`: the last four characters of its secret; times in ms since the epoch."""

    id: str
    team: str
    name: str
    ending: str
    created_at: int
    revoked_at: int | None


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A new token with its secret, which is nowhere else."""

    token: Token
    secret: str


class TokenNameTaken(ValueError):
    """A valid token of the team has this name already."""


class Tokens:
    """The tokens of all teams. Calls block for as long as the database takes; safe from many threads."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def add(self, team: str, name: str, now: int) -> IssuedToken:
        """Issue a token for `team` at `now` (ms since the epoch). Raises TokenNameTaken."""
        secret = PREFIX + secrets.token_urlsafe(SECRET_BYTES)
        token = Token(_new_id(now), team, name, secret[-4:], created_at=now, revoked_at=None)
        try:
            with self._store.writing() as connection:
                connection.execute(insert(TOKENS), {**_row(token), "hash": _hash(secret)})
        except IntegrityError:
            raise TokenNameTaken(name) from None
        return IssuedToken(token, secret)

    def find(self, secret: str) -> Token | None:
        """The valid token with this secret, or None: there is none, or it is revoked.

        Looked up by its hash: how long that takes says nothing about a secret, as nobody can choose a hash.
        """
        with self._store.reading() as connection:
            row = connection.execute(_BY_HASH, {"wanted": _hash(secret)}).one_or_none()
        return None if row is None else _token(row)

    def is_valid(self, token_id: str) -> bool:
        """Whether there is a token with this id that was not revoked."""
        query = select(TOKENS.c.id).where(TOKENS.c.id == token_id, TOKENS.c.revoked_at.is_(None))
        with self._store.reading() as connection:
            return connection.execute(query).one_or_none() is not None

    def list(self, team: str, limit: int, after: str = "") -> Sequence[Token]:
        """At most `limit` tokens of `team`, the revoked ones too, oldest first, with ids greater than `after`."""
        query = select(*_COLUMNS).where(TOKENS.c.team == team, TOKENS.c.id > after).order_by(TOKENS.c.id).limit(limit)
        with self._store.reading() as connection:
            return [_token(row) for row in connection.execute(query)]

    def revoke(self, team: str, token_id: str, now: int) -> Token | None:
        """Make a token of `team` worthless from `now` (ms since the epoch) on; None if there is none with this id.

        Revoking it again changes nothing.
        """
        mine = (TOKENS.c.team == team) & (TOKENS.c.id == token_id)
        with self._store.writing() as connection:
            connection.execute(update(TOKENS).where(mine, TOKENS.c.revoked_at.is_(None)).values(revoked_at=now))
            row = connection.execute(select(*_COLUMNS).where(mine)).one_or_none()
        return None if row is None else _token(row)


def ensure_first_token(tokens: Tokens, team: str, now: int, known: str | None = None) -> str | None:
    """Give whoever starts the house a token for `team`. `known`: the secret in their profile, if there is one.

    Returns None if `known` is valid for the team; else the secret of a new token named `first`. An earlier `first` is
    revoked in its favour if nothing is known: it was lost, perhaps by a crash before it was written down. A known one
    that is not valid here is another house's, which shares the profile: somebody may still hold this one's `first`, so
    the new one is named `first-2`, or as counting goes on.
    """
    found = tokens.find(known) if known else None
    if found is not None and found.team == team:
        return None
    valid = {token.name: token.id for token in _valid_tokens(tokens, team)}
    if known is None and FIRST_TOKEN_NAME in valid:
        tokens.revoke(team, valid.pop(FIRST_TOKEN_NAME), now)
    return tokens.add(team, next(name for name in _first_names() if name not in valid), now).secret


def _first_names() -> Iterator[str]:
    yield FIRST_TOKEN_NAME
    yield from (f"{FIRST_TOKEN_NAME}-{number}" for number in count(2))


def _valid_tokens(tokens: Tokens, team: str) -> Sequence[Token]:
    found: list[Token] = []
    after = ""
    while page := tokens.list(team, 200, after):
        found.extend(token for token in page if token.revoked_at is None)
        after = page[-1].id
    return found


_COLUMNS = [column for column in TOKENS.c if column.name != "hash"]
_BY_HASH = select(*_COLUMNS).where(TOKENS.c.hash == bindparam("wanted"), TOKENS.c.revoked_at.is_(None))
"""Built once: it is asked with every request."""


def _token(row: Row[tuple[object, ...]]) -> Token:
    return Token(**row._mapping)


def _row(token: Token) -> dict[str, object]:
    return {column.name: getattr(token, column.name) for column in _COLUMNS}


def _new_id(now: int) -> str:
    """Sorts by age; nothing is learnt by guessing one, as it is looked for within a team only."""
    return f"t{now:012x}{secrets.token_hex(4)}"


def _hash(secret: str) -> str:
    """SHA-256 alone: a secret has 256 random bits, so there is nothing to guess that a slow hash would protect."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
