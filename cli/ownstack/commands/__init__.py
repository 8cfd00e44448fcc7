"""The commands, a module per group."""

from __future__ import annotations

import typer

from ownstack.commands import (
    apps,
    deploys,
    history,
    houses,
    logins,
    logs,
    pipelines,
    promotions,
    releases,
    stacks,
    tokens,
)


def assemble() -> typer.Typer:
    """All commands."""
    root = typer.Typer(
        name="ownstack",
        help="Promote one app image from staging to production on many servers, safely.",
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
    for module in (houses, logins, deploys, logs, history):
        module.register(root)
    app = typer.Typer(help="Apps: what runs, on which stacks.", no_args_is_help=True)
    apps.register(app)
    app.add_typer(pipelines.group(), name="pipeline")
    root.add_typer(app, name="app")
    for name, group in (("stack", stacks), ("promotion", promotions), ("release", releases), ("token", tokens)):
        root.add_typer(group.group(), name=name)
    return root
