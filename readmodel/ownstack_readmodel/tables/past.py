"""What has happened: the facts, the commands that they answer, and how far the history was read."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, LargeBinary, Table

from ownstack_readmodel.tables.base import ID, METADATA, NAME, NUMBER, TEXT
from ownstack_readmodel.words import Words

POSITIONS = Table(
    "rm_positions",
    METADATA,
    Column("topic", Words(100), primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("next", NUMBER, nullable=False),
    sqlite_with_rowid=False,
)
"""Per partition of the history the offset of the record that comes next: written with the rows, or not at all."""

COMMANDS = Table(
    "rm_commands",
    METADATA,
    Column("team", NAME, primary_key=True),
    Column("command", ID, primary_key=True),
    Column("type", Words(256), nullable=False),
    Column("actor", Words(256)),
    Column("at", NUMBER, nullable=False),
    Column("status", Words(20), nullable=False),
    Column("sequence", NUMBER, nullable=False),
    Column("rollout", ID),
    Column("code", Words(64)),
    Column("message", TEXT),
    Column("hint", TEXT),
)

HISTORY = Table(
    "rm_history",
    METADATA,
    Column("team", NAME, primary_key=True),
    Column("sequence", NUMBER, primary_key=True, autoincrement=False),
    Column("type", Words(256), nullable=False),
    Column("app", NAME),
    Column("other_app", NAME),
    Column("at", NUMBER, nullable=False),
    Column("actor", Words(256)),
    Column("record", LargeBinary, nullable=False),
    Index("rm_history_by_app", "team", "app", "sequence"),
)
Index(
    "rm_history_by_other_app",
    HISTORY.c.team,
    HISTORY.c.other_app,
    HISTORY.c.sequence,
    sqlite_where=HISTORY.c.other_app.is_not(None),
    postgresql_where=HISTORY.c.other_app.is_not(None),
)
"""The facts: `app` is the one that a fact is about; `other_app` the second one, as with promotions."""
