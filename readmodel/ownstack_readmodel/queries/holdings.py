"""What stacks hold of an app, and how that is said in a few words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, select

from ownstack_readmodel.tables import APP_STACKS, RELEASES
from ownstack_readmodel.views import AppStackView, LiveView

Content = tuple[str, str, str]
"""App id, digest and config fingerprint: what makes releases of an app the same on a stack."""

SHORT = 7
"""So many digits of a digest are shown."""


class Holdings(NamedTuple):
    """What the stacks of an app hold. `current`: the newest release that is live on all of them, if any."""

    stacks: list[AppStackView]
    current: int | None
    summary: str


def short(digest: str) -> str:
    """The first digits of a digest, for people."""
    return digest.partition(":")[2][:SHORT]


def holdings_of(connection: Connection, team: str, apps: Sequence[str]) -> dict[str, Holdings]:
    """Of each of these apps what its stacks hold."""
    query = (
        select(APP_STACKS)
        .where(APP_STACKS.c.team == team, APP_STACKS.c.app.in_(apps))
        .order_by(APP_STACKS.c.app, APP_STACKS.c.place)
    )
    rows = connection.execute(query).all()
    releases = newest_releases(connection, team, (content_of(r) for r in rows if r.status == "live"))
    found = {app: _holdings(app, list(of_app), releases) for app, of_app in groupby(rows, lambda row: row.app)}
    return {app: found.get(app) or _holdings(app, [], releases) for app in apps}


def content_of(row: Row[Any]) -> Content:
    """What a stack that is live holds."""
    return row.app_id, row.digest, row.config_fingerprint


def newest_releases(connection: Connection, team: str, contents: Iterable[Content]) -> dict[Content, int]:
    """Of each content the highest number of a release that has it."""
    newest: dict[Content, int] = {}
    for content in dict.fromkeys(contents):
        app_id, digest, config_fingerprint = content
        number = connection.scalar(
            select(RELEASES.c.release)
            .where(RELEASES.c.team == team, RELEASES.c.app_id == app_id, RELEASES.c.digest == digest)
            .where(RELEASES.c.config_fingerprint == config_fingerprint)
            .order_by(RELEASES.c.release.desc())
            .limit(1)
        )
        if number is not None:
            newest[content] = number
    return newest


def _holdings(app: str, rows: list[Row[Any]], releases: Mapping[Content, int]) -> Holdings:
    stacks = [_stack(row, releases) for row in rows]
    contents = {content_of(row) if row.status == "live" else None for row in rows}
    content = contents.pop() if len(contents) == 1 else None
    return Holdings(stacks, releases.get(content) if content else None, f"{app} — {_summary(stacks)}")


def release_held(row: Row[Any], releases: Mapping[Content, int]) -> int | None:
    """The release that a live stack holds: the one that it was given, else the newest that is the same."""
    number: int | None = row.release
    return number if number is not None else releases.get(content_of(row))


def _stack(row: Row[Any], releases: Mapping[Content, int]) -> AppStackView:
    about = {"stack": row.stack, "status": row.status, "code": row.code, "message": row.message}
    if row.status != "live":
        summary = "nothing deployed" if row.status == "nothing" else "unknown"
        return AppStackView(**about, summary=summary, deployment=row.deployment)
    release = release_held(row, releases)
    live = LiveView(
        image=row.image,
        digest=row.digest,
        release=release,
        deployment=row.deployed_by,
        generation=row.generation,
        at=row.at,
    )
    named = f"v{release} " if release is not None else "image "
    return AppStackView(**about, summary=f"deployed {named}{short(row.digest)}", live=live, deployment=row.deployment)


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
