"""`ownstack release`: the releases of an app."""

from __future__ import annotations

import typer

from ownstack.commands.params import App, Limit
from ownstack.output import moment, short, table
from ownstack.paths import segment
from ownstack.session import Session, command


def group() -> typer.Typer:
    """The commands of this group."""
    made = typer.Typer(help="Releases: an image with its config, as v1, v2, … of an app.", no_args_is_help=True)
    made.callback()(_stay_a_group)
    command(made, "list")(list_)
    return made


def _stay_a_group() -> None:
    """Releases: an image with its config, as v1, v2, … of an app."""


def list_(session: Session, app: App, limit: Limit = 50) -> None:
    """The releases of an app, newest first, and where each is live."""
    found = list(session.client.pages(f"/apps/{segment(app)}/releases", limit=limit))
    rows = [
        (
            f"v{r['number']}",
            short(r["digest"]),
            r["origin"] if r["source_app"] is None else f"{r['source_app']} v{r['source_release']}",
            moment(r["created_at"]),
            ", ".join(r["live_on"]),
            r["image"],
        )
        for r in found
    ]
    session.output.show(table(("RELEASE", "DIGEST", "FROM", "CREATED", "LIVE ON", "IMAGE"), rows))
    session.output.document(found)
