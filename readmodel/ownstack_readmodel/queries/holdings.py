"""What stacks hold of an app, and how that is said in a few words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import orjson
from sqlalchemy import Connection, Row, select

from ownstack_contracts.apps import NO_CONFIG
from ownstack_readmodel.queries.drift import drift_message, has_drifted, short, without_digest
from ownstack_readmodel.tables import APP_STACKS, RELEASES
from ownstack_readmodel.views import AppStackView, LiveView

Content = tuple[str, str | None, str]
"""App id, digest and config fingerprint: what makes releases of an app the same on a stack. Without a digest it is that
of no release."""


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
    contents = [content_of(row) for row in rows if row.status == "live"]
    expected = [expected_of(row) for row in rows if row.released is None]
    releases = newest_releases(connection, team, [*contents, *expected])
    found = {app: _holdings(app, list(of_app), releases) for app, of_app in groupby(rows, lambda row: row.app)}
    return {app: found.get(app) or _holdings(app, [], releases) for app in apps}


def content_of(row: Row[Any]) -> Content:
    """What a stack that is live holds."""
    return row.app_id, row.digest, row.config_fingerprint


def expected_of(row: Row[Any]) -> Content:
    """What is expected on a stack, where nothing was released but something was found."""
    return row.app_id, row.released_digest, NO_CONFIG


def newest_releases(connection: Connection, team: str, contents: Iterable[Content]) -> dict[Content, int]:
    """Of each content the highest number of a release that has it."""
    newest: dict[Content, int] = {}
    for content in dict.fromkeys(contents):
        app_id, digest, config_fingerprint = content
        if digest is None:
            continue
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
    expected = row.released if row.released is not None else releases.get(expected_of(row))
    release = release_held(row, releases) if row.status == "live" else None
    drift = has_drifted(row)
    code, message = row.code, row.message
    if drift:
        code, message = code or "drift", _with(drift_message(row, release, expected), message)
    return AppStackView(
        stack=row.stack,
        status=row.status,
        summary=_phrase(row, release),
        live=_live(row, release, drift) if row.status == "live" else None,
        drift=drift,
        drift_seen_at=row.at if drift else None,
        expected_release=expected,
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
