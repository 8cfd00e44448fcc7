"""The output of what ran on stacks: not made of the history, and never rebuilt."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, Table

from ownstack_readmodel.tables.base import ID, METADATA, NAME, NUMBER, SERIAL, TEXT
from ownstack_readmodel.words import Words

LOG_POSITIONS = Table(
    "rm_log_positions",
    METADATA,
    Column("topic", Words(100), primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("next", NUMBER, nullable=False),
    sqlite_with_rowid=False,
)

LOG_LINES = Table(
    "rm_log_lines",
    METADATA,
    Column("cursor", SERIAL, primary_key=True),
    Column("team", NAME, nullable=False),
    Column("app", NAME, nullable=False),
    Column("app_id", ID),
    Column("stack", NAME, nullable=False),
    Column("deployment", ID, nullable=False),
    Column("job", ID, nullable=False),
    Column("run", ID, nullable=False),
    Column("phase", Words(40), nullable=False),
    Column("number", NUMBER, nullable=False),
    Column("at", NUMBER, nullable=False),
    Column("text", TEXT, nullable=False),
    Index("rm_log_lines_once", "team", "job", "run", "number", unique=True),
    Index("rm_log_lines_by_app", "team", "app", "cursor"),
    Index("rm_log_lines_by_stack", "team", "app", "stack", "cursor"),
    Index("rm_log_lines_by_deployment", "team", "deployment", "cursor"),
    sqlite_autoincrement=True,
)
"""The output of what ran on stacks, kept for 30 days. app_id: NULL in what an older release stored."""
