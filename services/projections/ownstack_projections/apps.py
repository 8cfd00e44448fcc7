"""Apps: created on stacks, cloned, or taken over, moved between stacks, set up, destroyed; and their releases."""

from __future__ import annotations

from ownstack_contracts.apps import (
    AppCreated,
    AppDestroyed,
    AppImported,
    AppSettingsChanged,
    AppStackAdded,
    AppStackRemoved,
    ReleaseCreated,
)
from ownstack_contracts.names import digest_of
from ownstack_contracts.reviews import AppCloned
from ownstack_contracts.stacks import RUN_RELEASE_TASKS
from ownstack_projections import configs
from ownstack_projections.dispatch import projects
from ownstack_projections.facts import Stamp
from ownstack_projections.rows import AppRow, AppStackRow, ConfigRow, ReleaseRow
from ownstack_projections.tables import Rows

STACKS_MOST = 10_000
"""An app is created on so many stacks at most, so that they have places before those of stacks that come later."""

_SETTINGS = ("release_task", "postdeploy", "waiting_deadline", "running_deadline", "retag", "retag_to")


@projects(AppCreated)
def app_created(rows: Rows, fact: AppCreated, stamp: Stamp) -> None:
    app_id = f"{fact.app}.{stamp.sequence}"
    rows.apps.put(AppRow(stamp.team, fact.app, app_id, stamp.at))
    for number, stack in enumerate(fact.stacks):
        _place(rows, stamp, fact.app, app_id, stack, number)


def _place(rows: Rows, stamp: Stamp, app: str, app_id: str, stack: str, number: int) -> None:
    place = stamp.sequence * STACKS_MOST + number
    rows.app_stacks.put(AppStackRow(stamp.team, app, stack, app_id, place))


@projects(AppImported)
def app_imported(rows: Rows, fact: AppImported, stamp: Stamp) -> None:
    """What was seen there is said by the fact that follows."""
    rows.apps.put(AppRow(stamp.team, fact.app, fact.app_id, stamp.at))
    _place(rows, stamp, fact.app, fact.app_id, fact.stack, 0)


@projects(AppCloned)
def app_cloned(rows: Rows, fact: AppCloned, stamp: Stamp) -> None:
    """It has the settings of its source, and its own config: what of that was copied stands in the fact."""
    source = rows.apps.find(stamp.team, fact.source)
    assert source is not None
    settings = {name: getattr(source, name) for name in _SETTINGS}
    stack = rows.stacks.find(stamp.team, fact.stack)
    if stack is not None and stack.driver in RUN_RELEASE_TASKS:
        settings["release_task"] = "each-stack"
    app = rows.apps.put(AppRow(stamp.team, fact.app, fact.app_id, stamp.at, cloned_from=fact.source, **settings))
    _place(rows, stamp, fact.app, fact.app_id, fact.stack, 0)
    if fact.values:
        rows.configs.put(ConfigRow(stamp.team, fact.app_id, "", False, configs.as_set(fact.values, stamp)))
        configs.take_effect(rows, app)


@projects(AppStackAdded)
def app_stack_added(rows: Rows, fact: AppStackAdded, stamp: Stamp) -> None:
    app = rows.apps.find(stamp.team, fact.app)
    assert app is not None
    _place(rows, stamp, fact.app, app.app_id, fact.stack, 0)


@projects(AppStackRemoved)
def app_stack_removed(rows: Rows, fact: AppStackRemoved, stamp: Stamp) -> None:
    rows.app_stacks.delete(stamp.team, fact.app, fact.stack)
    configs.leave(rows, stamp.team, fact.app, fact.stack)


@projects(AppDestroyed)
def app_destroyed(rows: Rows, fact: AppDestroyed, stamp: Stamp) -> None:
    configs.erase(rows, stamp.team, rows.apps.edit(stamp.team, fact.app).app_id)
    rows.apps.delete(stamp.team, fact.app)
    for key in rows.app_stacks.keys_where(team=stamp.team, app=fact.app):
        rows.app_stacks.delete(*key)


@projects(AppSettingsChanged)
def settings_changed(rows: Rows, fact: AppSettingsChanged, stamp: Stamp) -> None:
    app = rows.apps.edit(stamp.team, fact.app)
    for name, value in fact.model_dump(exclude={"app"}, exclude_none=True).items():
        setattr(app, name, value)
    app.retag_to = app.retag_to or None  # empty: its own repository, as before


@projects(ReleaseCreated)
def release_created(rows: Rows, fact: ReleaseCreated, stamp: Stamp) -> None:
    """Its config is that of the app at this moment; what was found has none that we know of."""
    app = rows.apps.find(stamp.team, fact.app) if fact.origin != "found" else None
    rows.releases.put(
        ReleaseRow(
            team=stamp.team,
            app_id=fact.app_id,
            release=fact.release,
            app=fact.app,
            image=fact.image,
            digest=digest_of(fact.image),
            config_fingerprint=fact.config_fingerprint,
            origin=fact.origin,
            rollout=fact.rollout,
            source_app=fact.source_app,
            source_release=fact.source_release,
            created_at=stamp.at,
            effective=dict(app.effective) if app is not None else {},
        )
    )
