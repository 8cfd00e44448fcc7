"""The topics: who writes them, who reads them, how they are keyed, and how long they keep."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

DEFAULT_PARTITIONS = 12
"""Partitions of every topic unless chosen otherwise; fixed for life for `commands`, `reports` and `history`."""

MAX_RECORD_BYTES = 256 * 1024
"""A larger record is a dead letter."""


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic. `retention` None: kept for ever."""

    name: str
    meaning: str
    key: str
    written_by: str
    read_by: str
    retention: timedelta | None


COMMANDS = Topic(
    name="ownstack.commands",
    meaning="Proposed facts.",
    key="team",
    written_by="api, any other service, promoter (forwarding)",
    read_by="promoter",
    retention=timedelta(days=14),
)
REPORTS = Topic(
    name="ownstack.reports",
    meaning="What deployers saw and did, and the owner's clock.",
    key="team",
    written_by="deployers, the owner's clock",
    read_by="promoter",
    retention=timedelta(days=14),
)
HISTORY = Topic(
    name="ownstack.history",
    meaning="What happened.",
    key="team",
    written_by="promoter",
    read_by="projections, audit, replay, anyone",
    retention=None,
)
DEPLOYS = Topic(
    name="ownstack.deploys",
    meaning="Work for deployers, and the answers to their claims.",
    key="team/app@stack, team/@stack (checks), team/app@stack#job (commands), team/app#job (images)",
    written_by="promoter",
    read_by="deployers",
    retention=timedelta(days=14),
)
LOGS = Topic(
    name="ownstack.logs",
    meaning="The output of deployments.",
    key="deployment id",
    written_by="deployers",
    read_by="projections",
    retention=timedelta(days=7),
)
DEAD_LETTERS = Topic(
    name="ownstack.dead-letters",
    meaning="What could not be read, cut to 64 KiB, with the reason, origin and hash in headers.",
    key="as received",
    written_by="whoever could not read it",
    read_by="people",
    retention=timedelta(days=30),
)

TOPICS = {t.name: t for t in (COMMANDS, REPORTS, HISTORY, DEPLOYS, LOGS, DEAD_LETTERS)}
