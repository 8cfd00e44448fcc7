"""Keys that config and webhooks are sealed with, and how far the history was looked through for those to destroy."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "v0002"
down_revision = "v0001"


def upgrade() -> None:
    """Create the tables of keys and positions."""
    op.create_table(
        "vault_keys",
        sa.Column("kind", sa.String(8), primary_key=True),
        sa.Column("team", sa.String(63), primary_key=True),
        sa.Column("name", sa.String(200), primary_key=True),
        sa.Column("secret_key", sa.String(16), nullable=True),
        sa.Column("wrapped", sa.LargeBinary, nullable=True),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("destroyed_at", sa.BigInteger, nullable=True),
    )
    op.create_table(
        "vault_positions",
        sa.Column("topic", sa.String(100), primary_key=True),
        sa.Column("partition", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("next", sa.BigInteger, nullable=False),
    )


def downgrade() -> None:
    """Drop both; what was sealed with the keys can't be read again."""
    op.drop_table("vault_positions")
    op.drop_table("vault_keys")
