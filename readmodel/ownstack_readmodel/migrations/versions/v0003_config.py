"""Config, images that are looked for and tagged, review apps: new columns and tables, filled from the history again."""

from __future__ import annotations

from alembic import op

from ownstack_readmodel.migrations.recreate import recreate

revision = "v0003"
down_revision = "v0002"

SHAPE = "5b3009dd2c4a24f5"
"""Of the tables that the history fills (`ownstack_readmodel.migrations.recreate.shape`): another one needs another
migration, which a test watches."""


def upgrade() -> None:
    """Put empty tables of the present shape in their place."""
    recreate(op.get_bind())


def downgrade() -> None:
    """As the older release makes its own tables anew, there is nothing to do."""
