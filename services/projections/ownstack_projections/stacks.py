"""Stacks: added, changed, checked, and removed from the team and all its apps."""

from __future__ import annotations

from ownstack_contracts.reports import StackChecked
from ownstack_contracts.stacks import StackAdded, StackChanged, StackRemoved
from ownstack_projections import configs
from ownstack_projections.dispatch import projects
from ownstack_projections.facts import Stamp
from ownstack_projections.live import doubt
from ownstack_projections.rows import StackRow
from ownstack_projections.tables import Rows


@projects(StackAdded)
def stack_added(rows: Rows, fact: StackAdded, stamp: Stamp) -> None:
    rows.stacks.put(StackRow(stamp.team, fact.stack, fact.driver, fact.address, dict(fact.settings), stamp.at))


@projects(StackChanged)
def stack_changed(rows: Rows, fact: StackChanged, stamp: Stamp) -> None:
    stack = rows.stacks.edit(stamp.team, fact.stack)
    stack.checked = None  # it told of what the stack was
    if fact.address not in (None, stack.address):
        stack.address = fact.address
        for _, app, name in rows.app_stacks.keys_where(team=stamp.team, stack=fact.stack):
            doubt(rows, stamp, app, name)
            held = rows.app_stacks.edit(stamp.team, app, name)
            held.released = held.released_digest = None  # on the server before
    merged = stack.settings | fact.settings
    stack.settings = {key: value for key, value in merged.items() if value}


@projects(StackChecked)
def stack_checked(rows: Rows, fact: StackChecked, stamp: Stamp) -> None:
    """The stack may be gone by now."""
    if rows.stacks.find(stamp.team, fact.stack) is not None:
        found = fact.model_dump(exclude={"job", "stack"})
        rows.stacks.edit(stamp.team, fact.stack).checked = {"at": stamp.at, **found}


@projects(StackRemoved)
def stack_removed(rows: Rows, fact: StackRemoved, stamp: Stamp) -> None:
    rows.stacks.delete(stamp.team, fact.stack)
    for key in rows.app_stacks.keys_where(team=stamp.team, stack=fact.stack):
        rows.app_stacks.delete(*key)
        configs.leave(rows, *key)
