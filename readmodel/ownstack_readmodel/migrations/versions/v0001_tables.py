"""The first tables: what the history fills, and the logs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from ownstack_readmodel.migrations.recreate import recreate
from ownstack_readmodel.tables import REBUILT
from ownstack_readmodel.words import Words

revision = "v0001"
down_revision = None

_SERIAL = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_INDEXES = {
    "by_app": ["team", "app", "cursor"],
    "by_deployment": ["team", "deployment", "cursor"],
    "by_stack": ["team", "app", "stack", "cursor"],
}


def upgrade() -> None:
    """Create all tables."""
    recreate(op.get_bind())
    op.create_table(
        "rm_log_positions",
        sa.Column("topic", Words(100), primary_key=True),
        sa.Column("partition", sa.Integer, primary_key=True),
        sa.Column("next", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "rm_log_lines",
        sa.Column("cursor", _SERIAL, primary_key=True),
        sa.Column("team", Words(63), nullable=False),
        sa.Column("app", Words(63), nullable=False),
        sa.Column("stack", Words(63), nullable=False),
        sa.Column("deployment", Words(200), nullable=False),
        sa.Column("job", Words(200), nullable=False),
        sa.Column("run", Words(200), nullable=False),
        sa.Column("phase", Words(40), nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("text", Words(), nullable=False),
        sqlite_autoincrement=True,
    )
    for name, columns in _INDEXES.items():
        op.create_index(f"rm_log_lines_{name}", "rm_log_lines", columns)
    op.create_index("rm_log_lines_once", "rm_log_lines", ["team", "job", "run", "number"], unique=True)


def downgrade() -> None:
    """Drop all tables; those of the history can be filled again, the logs are lost."""
    op.drop_table("rm_log_lines")
    op.drop_table("rm_log_positions")
    for table in REBUILT:
        op.drop_table(table.name)
