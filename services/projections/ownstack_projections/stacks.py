"""Stacks: added, and removed from the team and all its apps."""

from __future__ import annotations

from ownstack_contracts.stacks import StackAdded, StackRemoved
from ownstack_projections.dispatch import projects
from ownstack_projections.facts import Stamp
from ownstack_projections.rows import StackRow
from ownstack_projections.tables import Rows


@projects(StackAdded)
def stack_added(rows: Rows, fact: StackAdded, stamp: Stamp) -> None:
    rows.stacks.put(StackRow(stamp.team, fact.stack, fact.driver, fact.address, dict(fact.settings), stamp.at))


@projects(StackRemoved)
def stack_removed(rows: Rows, fact: StackRemoved, stamp: Stamp) -> None:
    rows.stacks.delete(stamp.team, fact.stack)
    for key in rows.app_stacks.keys_where(team=stamp.team, stack=fact.stack):
        rows.app_stacks.delete(*key)
