"""The read model's tables. Times are ms since the epoch, UTC; the team comes first in every key."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, MetaData, Table

from ownstack_readmodel.words import Words

METADATA = MetaData()

NAME = Words(63)
ID = Words(200)
TEXT = Words()
NUMBER = BigInteger
SERIAL = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows by itself only in a column of this type

JSON = {"json": True}  # marks a column whose text is JSON

POSITIONS = Table(
    "rm_positions",
    METADATA,
    Column("topic", Words(100), primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("next", NUMBER, nullable=False),
    sqlite_with_rowid=False,
)
"""Per partition of the history the offset of the record that comes next: written with the rows, or not at all."""

TEAMS = Table(
    "rm_teams",
    METADATA,
    Column("team", NAME, primary_key=True),
    Column("created_at", NUMBER),
    Column("sequence", NUMBER, nullable=False),
    Column("hash", Words(64), nullable=False),
    sqlite_with_rowid=False,
)

STACKS = Table(
    "rm_stacks",
    METADATA,
    Column("team", NAME, primary_key=True),
    Column("stack", NAME, primary_key=True),
    Column("driver", Words(40), nullable=False),
    Column("address", TEXT, nullable=False),
    Column("settings", TEXT, nullable=False, info=JSON),
    Column("added_at", NUMBER, nullable=False),
)

APPS = Table(
    "rm_apps",
    METADATA,
    Column("team", NAME, primary_key=True),
    Column("app", NAME, primary_key=True),
    Column("app_id", ID, nullable=False),
    Column("created_at", NUMBER, nullable=False),
    Column("release_task", Words(40), nullable=False),
    Column("postdeploy", Words(40), nullable=False),
    Column("waiting_deadline", NUMBER, nullable=False),
    Column("running_deadline", NUMBER, nullable=False),
    Column("pipeline", NAME),
    Column("rollout", ID),
    Column("queue", TEXT, nullable=False, info=JSON),
)

APP_STACKS = Table(
    "rm_app_stacks",
    METADATA,
    Column("team", NAME, primary_key=True),
    Column("app", NAME, primary_key=True),
    Column("stack", NAME, primary_key=True),
    Column("app_id", ID, nullable=False),
    Column("place", NUMBER, nullable=False),
    Column("status", Words(10), nullable=False),
    Column("image", TEXT),
    Column("digest", Words(140)),
    Column("config_fingerprint", Words(200)),
    Column("generation", NUMBER, nullable=False),
    Column("deployed_by", ID),
    Column("release", NUMBER),
    Column("known_since", NUMBER),
    Column("at", NUMBER),
    Column("code", Words(64)),
    Column("message", TEXT),
    Column("deployment", ID),
    Column("look", ID),
    Column("look_asked", NUMBER),
    Index("rm_app_stacks_of_stack", "team", "stack", "app"),
)
"""An app on a stack, and what is known to be live there. `place` orders the stacks of an app; `deployed_by` is the
deployment that is live, `deployment` the latest one asked for; `known_since` and `look_asked` are sequences."""

PIPELINES = Table(
    "rm_pipelines",
    METADATA,
    Column("team", NAME, primary_key=True),
    Column("production", NAME, primary_key=True),
    Column("created_at", NUMBER, nullable=False),
    Column("stages", TEXT, nullable=False, info=JSON),
)

RELEASES = Table(
    "rm_releases",
    METADATA,
    Column("team", NAME, primary_key=True),
    Column("app_id", ID, primary_key=True),
    Column("release", NUMBER, primary_key=True, autoincrement=False),
    Column("app", NAME, nullable=False),
    Column("image", TEXT, nullable=False),
    Column("digest", Words(140), nullable=False),
    Column("config_fingerprint", Words(200), nullable=False),
    Column("origin", Words(40), nullable=False),
    Column("rollout", ID),
    Column("source_app", NAME),
    Column("source_release", NUMBER),
    Column("created_at", NUMBER, nullable=False),
    Index("rm_releases_by_digest", "team", "app_id", "digest", "release"),
)

ROLLOUTS = Table(
    "rm_rollouts",
    METADATA,
    Column("team", NAME, primary_key=True),
    Column("rollout", ID, primary_key=True),
    Column("opened", NUMBER, nullable=False),
    Column("kind", Words(20), nullable=False),
    Column("app", NAME, nullable=False),
    Column("app_id", ID, nullable=False),
    Column("status", Words(40), nullable=False),
    Column("release", NUMBER),
    Column("image", TEXT, nullable=False),
    Column("digest", Words(140), nullable=False),
    Column("config_fingerprint", Words(200)),
    Column("requester", Words(256), nullable=False),
    Column("redeploy", Boolean, nullable=False),
    Column("requested_at", NUMBER, nullable=False),
    Column("started_at", NUMBER),
    Column("ended_at", NUMBER),
    Column("source", NAME),
    Column("source_release", NUMBER),
    Column("behind", ID),
    Column("superseded_by", ID),
    Column("code", Words(64)),
    Column("message", TEXT),
    Column("stacks", TEXT, nullable=False, info=JSON),
    Column("results", TEXT, info=JSON),
    Index("rm_rollouts_by_opening", "team", "opened"),
    Index("rm_rollouts_by_app", "team", "app", "opened"),
    Index("rm_rollouts_by_kind", "team", "kind", "opened"),
    Index("rm_rollouts_by_kind_app", "team", "kind", "app", "opened"),
    Index("rm_rollouts_by_kind_status", "team", "kind", "status", "opened"),
)
"""`opened`: the sequence at which it was opened. `results`: as its end recorded them, for good."""

PROGRESS = Table(
    "rm_progress",
    METADATA,
    Column("team", NAME, primary_key=True),
    Column("rollout", ID, primary_key=True),
    Column("stacks", Integer, nullable=False),
    Column("postdeploys", Integer, nullable=False),
    sqlite_with_rowid=False,
)
"""How many stacks and post-deploy scripts of a rollout are under way; apart from the rollout, whose row is large."""

DEPLOYMENTS = Table(
    "rm_deployments",
    METADATA,
    Column("team", NAME, primary_key=True),
    Column("rollout", ID, primary_key=True),
    Column("stack", NAME, primary_key=True),
    Column("app", NAME, nullable=False),
    Column("app_id", ID, nullable=False),
    Column("started", NUMBER, nullable=False),
    Column("place", Integer, nullable=False),
    Column("release", NUMBER, nullable=False),
    Column("attempt", NUMBER, nullable=False),
    Column("state", Words(20), nullable=False),
    Column("code", Words(64)),
    Column("at", NUMBER),
    Index("rm_deployments_by_app", "team", "app_id", "started", "place"),
    Index("rm_deployments_by_stack", "team", "app_id", "stack", "started"),
    sqlite_with_rowid=False,
)
"""`started`: the sequence at which its rollout did; `place`: among the stacks of the rollout. Once there is an attempt,
the state is that of the latest one; `state`, `code` and `at` tell of deployments that were never asked for."""

ATTEMPTS = Table(
    "rm_attempts",
    METADATA,
    Column("team", NAME, primary_key=True),
    Column("rollout", ID, primary_key=True),
    Column("stack", NAME, primary_key=True),
    Column("attempt", NUMBER, primary_key=True, autoincrement=False),
    Column("job", ID, nullable=False),
    Column("asked", NUMBER, nullable=False),
    Column("state", Words(20), nullable=False),
    Column("asked_at", NUMBER, nullable=False),
    Column("granted_at", NUMBER),
    Column("ended_at", NUMBER),
    Column("runs", Integer, nullable=False),
    Column("lapses", Integer, nullable=False),
    Column("run", ID),
    Column("generation", NUMBER, nullable=False),
    Column("phases", TEXT, nullable=False, info=JSON),
    Column("code", Words(64)),
    Column("message", TEXT),
    sqlite_with_rowid=False,
)
"""`asked`: the sequence of the request. `phases`: lists of phase, started_at, ended_at, outcome."""

POSTDEPLOYS = Table(
    "rm_postdeploys",
    METADATA,
    Column("team", NAME, primary_key=True),
    Column("rollout", ID, primary_key=True),
    Column("stack", NAME, primary_key=True),
    Column("attempt", NUMBER, primary_key=True, autoincrement=False),
    Column("job", ID, nullable=False),
    Column("state", Words(20), nullable=False),
    Column("asked_at", NUMBER, nullable=False),
    Column("started_at", NUMBER),
    Column("ended_at", NUMBER),
    Column("run", ID),
    Column("code", Words(64)),
    Column("message", TEXT),
    sqlite_with_rowid=False,
)

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

REBUILT = tuple(METADATA.sorted_tables)
"""All of the above: made of the history, and of nothing else. What follows is not."""

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
"""The output of what ran on stacks, kept for 30 days."""
