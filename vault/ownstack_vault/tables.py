"""The vault's tables. Times are milliseconds since the epoch, UTC."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, MetaData, String, Table

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
