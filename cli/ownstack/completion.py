"""Completes names in the shell, of apps, stacks, releases and others: at once, or not at all."""

from __future__ import annotations

import os
from contextlib import closing

import typer

from ownstack.connect import connect_quickly
from ownstack.exits import Failure
from ownstack.paths import segment
from ownstack.profiles import choose, load, profiles_path

QUICK = 0.5
"""Whoever presses Tab does not wait longer, in seconds."""


def _names(path: str, field: str, incomplete: str, most: int | None = None, **query: object) -> list[str]:
    """Completion that fails is silent: an error would be written into the line that somebody types."""
    try:
        with closing(connect_quickly(choose(os.environ), QUICK)) as client:
            found = [str(item[field]) for item in client.pages(path, limit=most, **query)]
    except Failure:
        return []
    return [name for name in found if name.startswith(incomplete)]


def apps(incomplete: str) -> list[str]:
    """Names of apps."""
    return _names("/apps", "name", incomplete)


def stacks(incomplete: str) -> list[str]:
    """Names of stacks."""
    return _names("/stacks", "name", incomplete)


def pipelines(incomplete: str) -> list[str]:
    """Names of pipelines: of their production apps."""
    return _names("/pipelines", "production", incomplete)


def open_promotions(incomplete: str) -> list[str]:
    """Ids of promotions that can be cancelled."""
    return _names("/promotions", "id", incomplete, status="running") + _names(
        "/promotions", "id", incomplete, status="queued"
    )


def releases(ctx: typer.Context, incomplete: str) -> list[str]:
    """Releases of the app that stands before, as `v12`."""
    return [f"v{number}" for number in _of_app(ctx, "releases", "number") if f"v{number}".startswith(incomplete)]


def variables(ctx: typer.Context, incomplete: str) -> list[str]:
    """Names of variables of the app that stands before."""
    app = _app_before(ctx)
    try:
        with closing(connect_quickly(choose(os.environ), QUICK)) as client:
            found = client.get(f"/apps/{segment(app)}/config")["variables"] if app else []
    except Failure:
        return []
    return sorted({str(v["name"]) for v in found if str(v["name"]).startswith(incomplete)})


def variables_to_set(ctx: typer.Context, incomplete: str) -> list[str]:
    """The same, to be given a value."""
    return [f"{name}=" for name in variables(ctx, incomplete)] if "=" not in incomplete else []


def deployments(ctx: typer.Context, incomplete: str) -> list[str]:
    """Ids of deployments of the app that stands before, and of commands that ran beside it: all that has a log."""
    found = _of_app(ctx, "deployments", "id") + _of_app(ctx, "runs", "job")
    return [name for name in found if name.startswith(incomplete)]


def _of_app(ctx: typer.Context, what: str, field: str) -> list[str]:
    """The newest of an app: a page is enough for whoever presses Tab."""
    app = _app_before(ctx)
    try:
        return [] if not app else _names(f"/apps/{segment(app)}/{what}", field, "", most=50)
    except Failure:
        return []


def _app_before(ctx: typer.Context) -> str | None:
    """When an option still lacks its value, the arguments have not been taken up yet: the app is the first word."""
    return ctx.params.get("app") or next(iter(ctx.args), None)


def profiles(incomplete: str) -> list[str]:
    """Names of profiles."""
    try:
        return [name for name in load(profiles_path()).by_name if name.startswith(incomplete)]
    except Failure:
        return []
