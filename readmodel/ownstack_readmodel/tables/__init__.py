"""The read model's tables. Times are ms since the epoch, UTC; the team comes first in every key."""

from __future__ import annotations

from ownstack_readmodel.tables.base import METADATA
from ownstack_readmodel.tables.logs import LOG_LINES, LOG_POSITIONS
from ownstack_readmodel.tables.past import COMMANDS, HISTORY, POSITIONS
from ownstack_readmodel.tables.things import APP_STACKS, APPS, CONFIGS, PIPELINES, RELEASES, STACKS, TEAMS
from ownstack_readmodel.tables.work import (
    ATTEMPTS,
    DEPLOYMENTS,
    IMAGE_JOBS,
    POSTDEPLOYS,
    PROGRESS,
    REMOVALS,
    ROLLOUTS,
    RUNS,
)

REBUILT = tuple(table for table in METADATA.sorted_tables if table not in (LOG_POSITIONS, LOG_LINES))
"""Those that are made of the history, and of nothing else."""

__all__ = [
    "APPS",
    "APP_STACKS",
    "ATTEMPTS",
    "COMMANDS",
    "CONFIGS",
    "DEPLOYMENTS",
    "HISTORY",
    "IMAGE_JOBS",
    "LOG_LINES",
    "LOG_POSITIONS",
    "METADATA",
    "PIPELINES",
    "POSITIONS",
    "POSTDEPLOYS",
    "PROGRESS",
    "REBUILT",
    "RELEASES",
    "REMOVALS",
    "ROLLOUTS",
    "RUNS",
    "STACKS",
    "TEAMS",
]
