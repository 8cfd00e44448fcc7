"""Tokens: their hashes, names and teams."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "v0001"
down_revision = None


def upgrade() -> None:
    """Create the table of tokens."""
    op.create_table(
        "vault_tokens",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("team", sa.String(63), nullable=False),
        sa.Column("name", sa.String(63), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False, unique=True),
        sa.Column("ending", sa.String(4), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("revoked_at", sa.BigInteger, nullable=True),
    )
    valid = sa.text("revoked_at IS NULL")
    op.create_index(
        "vault_tokens_valid_name",
        "vault_tokens",
        ["team", "name"],
        unique=True,
        sqlite_where=valid,
        postgresql_where=valid,
    )


def downgrade() -> None:
    """Drop the table of tokens; they can't be brought back."""
    op.drop_table("vault_tokens")
