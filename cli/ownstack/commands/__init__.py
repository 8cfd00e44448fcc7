"""The commands, a module per group."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated

import typer

from ownstack.commands import (
    apps,
    buses,
    clones,
    configs,
    dead_letters,
    deployers,
    deploys,
    history,
    houses,
    imports,
    logins,
    logs,
    pipelines,
    promotions,
    pushes,
    readmodels,
    releases,
    runs,
    secrets,
    serving,
    stacks,
    teams,
    tokens,
)


def _say_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version  # noqa: PLC0415 - only here is it needed, and it is slow to load

        typer.echo(f"ownstack {version('ownstack')}")
        raise typer.Exit


Version = Annotated[
    bool, typer.Option("--version", help="Say which version this is.", callback=_say_version, is_eager=True)
]


def assemble(run: Callable[[Sequence[str]], int]) -> typer.Typer:
    """All commands. run: runs a command line and returns its exit code, for those that show what others do."""
    root = typer.Typer(
        name="ownstack",
        help="Promote one app image from staging to production on many servers, safely.",
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
    root.callback()(_root)
    houses.register(root, run)
    for module in (logins, deploys, runs, logs, history, configs, pushes):
        module.register(root)
    root.add_typer(_of_apps(), name="app")
    for name, group in _GROUPS.items():
        root.add_typer(group(), name=name)
    return root


def _of_apps() -> typer.Typer:
    app = typer.Typer(help="Apps: what runs, on which stacks.", no_args_is_help=True)
    for module in (apps, imports, clones):
        module.register(app)
    app.add_typer(pipelines.group(), name="pipeline")
    return app


_GROUPS: Mapping[str, Callable[[], typer.Typer]] = {
    "stack": stacks.group,
    "promotion": promotions.group,
    "release": releases.group,
    "token": tokens.group,
    "dead-letter": dead_letters.group,
    "team": teams.group,
    "deployer": deployers.group,
    "bus": buses.group,
    "readmodel": readmodels.group,
    "secret": secrets.group,
    "serve": serving.group,
}


def _root(version: Version = False) -> None:
    """Promote one app image from staging to production on many servers, safely."""
