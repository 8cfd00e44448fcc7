"""The vault's tables. Times are milliseconds since the epoch, UTC."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, MetaData, String, Table

METADATA = MetaData()

TOKENS = Table(
    "vault_tokens",
    METADATA,
    Column("id", String(32), primary_key=True),
    Column("team", String(63), nullable=False),
    Column("name", String(63), nullable=False),
    Column("hash", String(64), nullable=False, unique=True),
    Column("ending", String(4), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("revoked_at", BigInteger, nullable=True),
)

_VALID = TOKENS.c.revoked_at.is_(None)

# An actor in the history is `token:<name>`: no two valid tokens of a team may share it.
Index(
    "vault_tokens_valid_name", TOKENS.c.team, TOKENS.c.name, unique=True, sqlite_where=_VALID, postgresql_where=_VALID
)

# kind: `data` (name: the id of an app's creation), `team` (no name) or `hook` (name: an app). wrapped: with the secret
# key whose id is `secret_key`. Both are gone from a key that was destroyed; its row stays: none takes its place.
KEYS = Table(
    "vault_keys",
    METADATA,
    Column("kind", String(8), primary_key=True),
    Column("team", String(63), primary_key=True),
    Column("name", String(200), primary_key=True),
    Column("secret_key", String(16), nullable=True),
    Column("wrapped", LargeBinary, nullable=True),
    Column("created_at", BigInteger, nullable=False),
    Column("destroyed_at", BigInteger, nullable=True),
)

POSITIONS = Table(
    "vault_positions",
    METADATA,
    Column("topic", String(100), primary_key=True),
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("next", BigInteger, nullable=False),
)
"""How far the history was looked through for keys to destroy. It lies with the keys, so that both are of one copy."""
