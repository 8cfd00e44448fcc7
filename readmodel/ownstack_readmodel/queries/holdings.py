"""What stacks hold of an app, and how that is said in a few words."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection, Row, select

from ownstack_readmodel.effective import Effective, effective_on
from ownstack_readmodel.queries.contents import (
    Releases,
    expected_image,
    image_of,
    newest_of,
    release_held,
    release_on_all,
    releases_of,
)
from ownstack_readmodel.queries.drift import drift_message, has_drifted, short, without_digest
from ownstack_readmodel.tables import APP_STACKS, APPS
from ownstack_readmodel.views import AppStackView, LiveView


class Holdings(NamedTuple):
    """What the stacks of an app hold. `current`: the newest release that is live on all of them, if any."""

    stacks: list[AppStackView]
    current: int | None
    summary: str


def holdings_of(connection: Connection, team: str, apps: Sequence[str]) -> dict[str, Holdings]:
    """Of each of these apps what its stacks hold."""
    query = (
        select(APP_STACKS)
        .where(APP_STACKS.c.team == team, APP_STACKS.c.app.in_(apps))
        .order_by(APP_STACKS.c.app, APP_STACKS.c.place)
    )
    rows = connection.execute(query).all()
    images = [image_of(row) for row in rows if row.status == "live"]
    expected = [expected_image(row) for row in rows if row.released is None]
    releases = releases_of(connection, team, [*images, *expected])
    present = _present_configs(connection, team, apps)
    held = {app: list(of_app) for app, of_app in groupby(rows, lambda row: row.app)}
    return {app: _holdings(app, held.get(app, []), releases, present.get(app, {})) for app in apps}


def _present_configs(connection: Connection, team: str, apps: Sequence[str]) -> dict[str, Effective]:
    query = select(APPS.c.app, APPS.c.effective).where(APPS.c.team == team, APPS.c.app.in_(apps))
    return {row.app: orjson.loads(row.effective) for row in connection.execute(query)}


def _holdings(app: str, rows: list[Row[Any]], releases: Releases, present: Effective) -> Holdings:
    stacks = [_stack(row, releases, present) for row in rows]
    return Holdings(stacks, release_on_all(rows, releases), f"{app} — {_summary(stacks)}")


def _stack(row: Row[Any], releases: Releases, present: Effective) -> AppStackView:
    expected = row.released if row.released is not None else newest_of(expected_image(row), releases)
    is_live = row.status == "live"
    release = release_held(row, releases) if is_live else None
    drift = has_drifted(row)
    code, message = row.code, row.message
    if drift:
        code, message = code or "drift", _with(drift_message(row, release, expected), message)
    return AppStackView(
        stack=row.stack,
        status=row.status,
        summary=_phrase(row, release),
        live=_live(row, release, drift) if is_live else None,
        drift=drift,
        drift_seen_at=row.at if drift else None,
        expected_release=expected,
        config_outdated=is_live and row.config_fingerprint != effective_on(present, row.stack),
        code=code,
        message=message,
        deployment=row.deployment,
        config_keys=orjson.loads(row.config_keys) if row.config_keys is not None else None,
    )


def _live(row: Row[Any], release: int | None, drift: bool) -> LiveView:
    return LiveView(
        image=row.image,
        digest=row.digest,
        reference=row.reference,
        release=release,
        deployment=row.deployed_by,
        generation=row.generation,
        at=row.at,
        drift=drift,
    )


def _phrase(row: Row[Any], release: int | None) -> str:
    if row.status != "live":
        return "nothing deployed" if row.status == "nothing" else "unknown"
    if row.digest is None:
        return without_digest(row)
    named = f"v{release} " if release is not None else "image "
    return f"deployed {named}{short(row.digest)}"


def _with(sentence: str, more: str | None) -> str:
    return sentence if more is None else f"{sentence} {more}"


def _summary(stacks: list[AppStackView]) -> str:
    """One phrase if all stacks hold the same, else each phrase with its stacks."""
    if not stacks:
        return "on no stack"
    groups: dict[str, list[str]] = {}
    for stack in stacks:
        groups.setdefault(stack.summary, []).append(stack.stack)
    if len(groups) == 1:
        return stacks[0].summary
    return "; ".join(f"{summary} on {_listed(names)}" for summary, names in groups.items())


def _listed(names: list[str], most: int = 4) -> str:
    if len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[:most])} and {len(names) - most} more"
