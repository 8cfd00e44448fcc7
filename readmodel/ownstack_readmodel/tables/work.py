"""What goes on: rollouts, deployments with their attempts, post-deploy scripts, commands that run beside apps."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Integer, Table

from ownstack_readmodel.tables.base import ID, JSON, METADATA, NAME, NUMBER, TEXT
from ownstack_readmodel.words import Words

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
    Column("image", TEXT),
    Column("digest", Words(140)),
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
    Column("rolled_back_to", NUMBER),
    Column("release_tasks", TEXT, nullable=False, info=JSON),
    Column("reference", Words(600)),
    Column("waiting_for_image", TEXT),
    Column("retag", TEXT, info=JSON),
    Column("config_change", Boolean, nullable=False),
    Column("image_job", ID),
    Index("rm_rollouts_by_opening", "team", "opened"),
    Index("rm_rollouts_by_app", "team", "app", "opened"),
    Index("rm_rollouts_by_kind", "team", "kind", "opened"),
    Index("rm_rollouts_by_kind_app", "team", "kind", "app", "opened"),
    Index("rm_rollouts_by_kind_status", "team", "kind", "status", "opened"),
)
"""`opened`: the sequence at which it was opened, or began to look at its source or for its image. `image` and `digest`
NULL: they are not known yet. `reference`: the tag that was looked for; `image_job`: what a registry is asked now.
`results`: as its end recorded them, for good."""

IMAGE_JOBS = Table(
    "rm_image_jobs",
    METADATA,
    Column("team", NAME, primary_key=True),
    Column("job", ID, primary_key=True),
    Column("rollout", ID, nullable=False),
    sqlite_with_rowid=False,
)
"""What is asked of registries and not answered yet, and for which rollout."""

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

RUNS = Table(
    "rm_runs",
    METADATA,
    Column("team", NAME, primary_key=True),
    Column("run", ID, primary_key=True),
    Column("job", ID, nullable=False),
    Column("app", NAME, nullable=False),
    Column("app_id", ID, nullable=False),
    Column("stack", NAME, nullable=False),
    Column("command", TEXT, nullable=False, info=JSON),
    Column("status", Words(20), nullable=False),
    Column("asked", NUMBER, nullable=False),
    Column("actor", Words(256)),
    Column("requested_at", NUMBER, nullable=False),
    Column("started_at", NUMBER),
    Column("ended_at", NUMBER),
    Column("exit_code", Integer),
    Column("lines", NUMBER),
    Column("code", Words(64)),
    Column("message", TEXT),
    Index("rm_runs_by_app", "team", "app_id", "asked"),
)
"""Commands that ran beside apps: `run` is the id of what asked for it, `asked` the sequence at which it did."""

REMOVALS = Table(
    "rm_removals",
    METADATA,
    Column("team", NAME, primary_key=True),
    Column("job", ID, primary_key=True),
    Column("generation", NUMBER, nullable=False),
    sqlite_with_rowid=False,
)
"""Removals of apps from stacks that are under way: what they remove is older than their generation."""
