"""Config, images that are looked for and tagged, review apps: new columns and tables, filled from the history again.
Log lines say of which creation of their app they are."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from ownstack_readmodel.migrations.recreate import recreate
from ownstack_readmodel.words import Words

revision = "v0003"
down_revision = "v0002"

SHAPE = "5b3009dd2c4a24f5"
"""Of the tables that the history fills (`ownstack_readmodel.migrations.recreate.shape`): another one needs another
migration, which a test watches."""


def upgrade() -> None:
    """Put empty tables of the present shape in their place. Of lines that are there, the creation is not known."""
    op.add_column("rm_log_lines", sa.Column("app_id", Words(200)))
    recreate(op.get_bind())


def downgrade() -> None:
    """Log lines as they were; the older release makes its other tables anew."""
    op.drop_column("rm_log_lines", "app_id")
