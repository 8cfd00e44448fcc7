"""`ownstack release`: the releases of an app."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated

import typer

from ownstack import completion
from ownstack.answers import Json
from ownstack.commands.params import App, Limit
from ownstack.configview import FIRST
from ownstack.output import fields, listed, moment, short, span, table
from ownstack.paths import segment
from ownstack.sending import release_number
from ownstack.session import Session, command

Release = Annotated[
    str, typer.Argument(metavar="vN", help="The release: v12, or 12.", autocompletion=completion.releases)
]


def group() -> typer.Typer:
    """The commands of this group."""
    made = typer.Typer(help="Releases: an image with its config, as v1, v2, … of an app.", no_args_is_help=True)
    command(made, "list")(list_)
    command(made, "info")(info)
    return made


def list_(session: Session, app: App, limit: Limit = 50) -> None:
    """The releases of an app, newest first, and where each is live."""
    found = list(session.client.pages(f"/apps/{segment(app)}/releases", limit=limit))
    changes = _changes(session, app) if any(r["origin"] == "config" for r in found) else {}
    rows = [
        (
            f"v{r['number']}",
            short(r["digest"]),
            _origin(r, changes),
            moment(r["created_at"]),
            ", ".join(r["live_on"]),
            r["image"],
        )
        for r in found
    ]
    session.output.show(table(("RELEASE", "DIGEST", "FROM", "CREATED", "LIVE ON", "IMAGE"), rows))
    session.output.document(found)


def _changes(session: Session, app: str) -> Mapping[str, list[str]]:
    """Of the newest changes of its config which variables they were, by the id of the command: that of the rollout."""
    facts = [fact["event"] for fact in session.client.get("/history", app=app, limit=200)["items"]]
    return {
        fact["causationid"]: sorted({*fact["data"].get("values", ()), *fact["data"].get("unset", ())})
        for fact in facts
        if fact["type"] == "ConfigSet" and fact.get("causationid")
    }


def _origin(release: Json, changes: Mapping[str, list[str]] = MappingProxyType({})) -> str:
    if release["origin"] == "config" and (names := changes.get(release.get("rollout") or "")):
        return f"config: {listed(names)}"
    if release["source_app"] is None:
        return str(release["origin"])
    return f"{release['source_app']} v{release['source_release']}"


def info(session: Session, app: App, release: Release) -> None:
    """A release of an app, and what became of it on each stack."""
    number = release_number(release, f"ownstack release list {app}")
    found = session.client.get(f"/apps/{segment(app)}/releases/{number}")
    back = found["rolled_back_to"]
    session.output.show(
        fields(
            [
                ("app", found["app"]),
                ("release", f"v{found['number']}"),
                ("image", found["image"]),
                ("config", str(found.get("config_fingerprint") or "")[:FIRST]),
                ("from", _origin(found)),
                ("rolled back to", None if back is None else f"v{back}"),
                ("rollout", found["rollout"]),
                ("created", moment(found["created_at"])),
                ("live on", ", ".join(found["live_on"])),
            ]
        )
    )
    rows = [
        (d["stack"], d["state"], str(d["attempt"]), span(d["started_at"], d["ended_at"]), d["message"], d["deployment"])
        for d in found["deployments"]
    ]
    session.output.show(table(("STACK", "STATE", "ATTEMPT", "TOOK", "REMARK", "DEPLOYMENT"), rows))
    session.output.document(found)
