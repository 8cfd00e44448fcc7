"""Config: variables that are set for all stacks of an app, for one, or for its review apps; and those that are gone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ownstack_contracts.config import ConfigErased, ConfigSet, ConfigValue
from ownstack_projections.dispatch import projects
from ownstack_projections.facts import Stamp
from ownstack_projections.rows import AppRow, ConfigRow
from ownstack_projections.tables import Rows
from ownstack_readmodel.effective import effective_of

Variables = dict[str, dict[str, Any]]


@projects(ConfigSet)
def config_set(rows: Rows, fact: ConfigSet, stamp: Stamp) -> None:
    key = (stamp.team, fact.app_id, fact.stack or "", fact.review)
    known = rows.configs.find(*key)
    variables: Variables = {} if known is None or fact.prune else dict(known.variables)
    for name in fact.unset:
        variables.pop(name, None)
    variables |= as_set(fact.values, stamp)
    if variables:
        rows.configs.put(ConfigRow(*key, variables))
    elif known is not None:
        rows.configs.delete(*key)
    take_effect(rows, rows.apps.edit(stamp.team, fact.app))
    if not fact.review:
        _are_ours(rows, stamp.team, fact)


def _are_ours(rows: Rows, team: str, fact: ConfigSet) -> None:
    """What was found on a stack when the app was imported, and is set here now, is found no more: it is ours."""
    for key in rows.app_stacks.keys_where(team=team, app=fact.app):
        held = rows.app_stacks.find(*key)
        if held is None or fact.stack not in (None, held.stack) or not set(held.config_keys or ()) & fact.values.keys():
            continue
        held = rows.app_stacks.edit(*key)
        held.config_keys = [name for name in held.config_keys or () if name not in fact.values]


def as_set(values: Mapping[str, ConfigValue], stamp: Stamp) -> Variables:
    """Values that a fact sets, as a scope has them."""
    said = {"actor": stamp.actor, "at": stamp.at, "sequence": stamp.sequence}
    return {name: value.model_dump() | said for name, value in values.items()}


def take_effect(rows: Rows, app: AppRow) -> None:
    """An app has the variables of its scopes from now on, and so have its next releases."""
    scopes: dict[str, dict[str, str]] = {}
    for key in rows.configs.keys_where(team=app.team, app_id=app.app_id):
        scope = rows.configs.find(*key)
        if scope is not None and not scope.review:
            scopes[scope.stack] = {name: said["fingerprint"] for name, said in scope.variables.items()}
    app.effective = effective_of(scopes.pop("", {}), scopes)


def leave(rows: Rows, team: str, name: str, stack: str) -> None:
    """An app is on a stack no more: what it had for that one is gone."""
    app = rows.apps.edit(team, name)
    rows.configs.delete(team, app.app_id, stack, False)
    app.effective.pop(stack, None)


def erase(rows: Rows, team: str, app_id: str) -> None:
    """All variables of a creation of an app are gone."""
    for key in rows.configs.keys_where(team=team, app_id=app_id):
        rows.configs.delete(*key)


@projects(ConfigErased)
def config_erased(rows: Rows, fact: ConfigErased, stamp: Stamp) -> None:
    erase(rows, stamp.team, fact.app_id)
    app = rows.apps.find(stamp.team, fact.app)
    if app is not None and app.app_id == fact.app_id:
        rows.apps.edit(stamp.team, fact.app).effective = {}
