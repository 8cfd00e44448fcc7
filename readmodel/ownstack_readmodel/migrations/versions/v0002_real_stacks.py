"""Checks, commands, drift, and promotions that look: new columns and tables, filled from the history again."""

from __future__ import annotations

from alembic import op

from ownstack_readmodel.migrations.recreate import recreate

revision = "v0002"
down_revision = "v0001"


def upgrade() -> None:
    """Put empty tables of the present shape in their place."""
    recreate(op.get_bind())


def downgrade() -> None:
    """As the older release makes its own tables anew, there is nothing to do."""
