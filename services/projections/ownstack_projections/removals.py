"""Removals of apps from stacks: an app may be there again, and was looked at, before its removal has come about."""

from __future__ import annotations

from ownstack_contracts.apps import StackAppLeftBehind
from ownstack_contracts.jobs import StackAppRemovalRequested
from ownstack_contracts.reports import StackAppRemovalFailed, StackAppRemoved
from ownstack_projections.dispatch import projects
from ownstack_projections.facts import Stamp
from ownstack_projections.live import removed
from ownstack_projections.rows import RemovalRow
from ownstack_projections.tables import Rows


@projects(StackAppRemovalRequested)
def removal_requested(rows: Rows, fact: StackAppRemovalRequested, stamp: Stamp) -> None:
    rows.removals.put(RemovalRow(stamp.team, fact.job, fact.generation))


@projects(StackAppRemoved)
def app_removed(rows: Rows, fact: StackAppRemoved, stamp: Stamp) -> None:
    removal = rows.removals.find(stamp.team, fact.job)
    if removal is not None:
        removed(rows, stamp, fact.app, fact.stack, removal.generation)
        rows.removals.delete(stamp.team, fact.job)


@projects(StackAppRemovalFailed)
def removal_failed(rows: Rows, fact: StackAppRemovalFailed, stamp: Stamp) -> None:
    rows.removals.delete(stamp.team, fact.job)


@projects(StackAppLeftBehind)
def left_behind(rows: Rows, fact: StackAppLeftBehind, stamp: Stamp) -> None:
    """Some were never asked to remove it."""
    if fact.job is not None:
        rows.removals.delete(stamp.team, fact.job)
