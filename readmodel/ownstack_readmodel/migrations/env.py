"""Alembic's entry: migrates the connection that it is handed, and keeps its version apart from other rooms' tables."""

from __future__ import annotations

from alembic import context

from ownstack_readmodel.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    version_table="readmodel_alembic_version",
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
