"""What there is: teams, stacks, apps on stacks with their config, pipelines, releases."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Index, Table

from ownstack_readmodel.tables.base import ID, JSON, METADATA, NAME, NUMBER, TEXT
from ownstack_readmodel.words import Words

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
    Column("checked", TEXT, info=JSON),
)
"""`checked`: what the latest check found."""

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
    Column("retag", Boolean, nullable=False),
    Column("retag_to", TEXT),
    Column("cloned_from", NAME),
    Column("review", TEXT, info=JSON),
    Column("effective", TEXT, nullable=False, info=JSON),
)
"""`review`: of a review app, which pull request it is for. `effective`: the fingerprints of its present config
(`ownstack_readmodel.effective`)."""

CONFIGS = Table(
    "rm_configs",
    METADATA,
    Column("team", NAME, primary_key=True),
    Column("app_id", ID, primary_key=True),
    Column("stack", NAME, primary_key=True),
    Column("review", Boolean, primary_key=True),
    Column("variables", TEXT, nullable=False, info=JSON),
)
"""The variables of one scope of an app: for all its stacks (`stack` empty), for one of them, or for review apps that
come of it. By name: the sealed value, its fingerprint, whether it is a secret, and who set it when. There is no row for
a scope without variables."""

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
    Column("reference", Words(600)),
    Column("config_fingerprint", Words(200)),
    Column("generation", NUMBER, nullable=False),
    Column("deployed_by", ID),
    Column("release", NUMBER),
    Column("known_since", NUMBER),
    Column("at", NUMBER),
    Column("code", Words(64)),
    Column("message", TEXT),
    Column("deployment", ID),
    Column("looks", TEXT, nullable=False, info=JSON),
    Column("released", NUMBER),
    Column("released_digest", Words(140)),
    Column("config_keys", TEXT, info=JSON),
    Index("rm_app_stacks_of_stack", "team", "stack", "app"),
)
"""An app on a stack, and what is known to be live there. `place` orders the stacks of an app; `deployed_by` is the
deployment that is live, `deployment` the latest one asked for; `config_fingerprint`: of the config on this stack that
was deployed with it. `known_since` is a sequence, `looks` has for each open look the sequence at which it was asked
for. `digest` NULL though it is live: an image that has none; `reference` is what the stack calls it. `released` and
`released_digest`: what is expected there, since we left or found it last."""

PIPELINES = Table(
    "rm_pipelines",
    METADATA,
    Column("team", NAME, primary_key=True),
    Column("production", NAME, primary_key=True),
    Column("created_at", NUMBER, nullable=False),
    Column("stages", TEXT, nullable=False, info=JSON),
    Column("review_apps", TEXT, info=JSON),
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
    Column("effective", TEXT, nullable=False, info=JSON),
    Index("rm_releases_by_digest", "team", "app_id", "digest", "release"),
)
"""`config_fingerprint` stands for the whole config; `effective` has those of what it is on each stack."""
