"""`ownstack app pipeline`: stages, each an app, the production app last; and promoting from one to the next."""

from __future__ import annotations

from typing import Annotated

import typer

from ownstack import completion
from ownstack.answers import Json
from ownstack.appview import origin_of, state_of, summary_of
from ownstack.commands.params import App, Key, NoWait, Production, Redeploy, Stacks
from ownstack.commands.reviews import review_apps
from ownstack.naming import named
from ownstack.output import fields, moment, table
from ownstack.paths import segment
from ownstack.sending import How, follow_rollout, release_number, send, tell
from ownstack.session import Session, command

Stage = Annotated[
    str, typer.Argument(metavar="APP", help="The app that is a stage.", autocompletion=completion.apps, callback=named)
]
Before = Annotated[
    str | None,
    typer.Option(
        "--before",
        metavar="APP",
        help="Before this stage, not before production.",
        autocompletion=completion.apps,
        callback=named,
    ),
]
Release = Annotated[
    str | None,
    typer.Option(
        "--release", metavar="vN", help="This release, not the current one.", autocompletion=completion.releases
    ),
]


def group() -> typer.Typer:
    """The commands of this group."""
    made = typer.Typer(help="Pipelines: stages of apps, the production app last.", no_args_is_help=True)
    for name, function in (
        ("create", create),
        ("add-staging", add_staging),
        ("remove-stage", remove_stage),
        ("remove", remove),
        ("promote", promote),
        ("list", list_),
        ("info", info),
        ("review-apps", review_apps),
    ):
        command(made, name)(function)
    return made


def create(session: Session, production: Production, key: Key = None, no_wait: NoWait = False) -> None:
    """Give an app a pipeline, of which it is the last stage."""
    how = How(key, not no_wait)
    view = send(session, how, "POST", "/pipelines", {"production": production})
    tell(session, how, view, f"{production} has a pipeline.")


def add_staging(
    session: Session,
    production: Production,
    staging: Stage,
    before: Before = None,
    key: Key = None,
    no_wait: NoWait = False,
) -> None:
    """Put an app into a pipeline: just before production, or before another stage."""
    how = How(key, not no_wait)
    body = {"staging": staging} | ({"before": before} if before else {})
    view = send(session, how, "POST", f"/pipelines/{segment(production)}/stages", body)
    tell(session, how, view, f"{staging} is a stage of {production}.")


def remove_stage(
    session: Session, production: Production, stage: Stage, key: Key = None, no_wait: NoWait = False
) -> None:
    """Take a stage out of a pipeline."""
    how = How(key, not no_wait)
    view = send(session, how, "DELETE", f"/pipelines/{segment(production)}/stages/{segment(stage)}")
    tell(session, how, view, f"{stage} is no stage of {production} any more.")


def remove(session: Session, production: Production, key: Key = None, no_wait: NoWait = False) -> None:
    """Remove a pipeline; its apps are free."""
    how = How(key, not no_wait)
    view = send(session, how, "DELETE", f"/pipelines/{segment(production)}")
    tell(session, how, view, f"{production} has no pipeline any more.")


def promote(
    session: Session,
    app: App,
    release: Release = None,
    stacks: Stacks = None,
    redeploy: Redeploy = False,
    key: Key = None,
    no_wait: NoWait = False,
) -> None:
    """Release exactly what an app runs on the next stage of its pipeline, on all its stacks at once.

    Without --release its stacks are looked at first: what they run is what goes on, or it is said why it can't.
    """
    body: dict[str, object] = {"redeploy": redeploy}
    if release is not None:
        body["release"] = release_number(release, "--release v12")
    if stacks:
        body["stacks"] = stacks
    how = How(key, not no_wait)
    view = send(session, how, "POST", f"/apps/{segment(app)}/promotions", body)
    follow_rollout(session, how, view, app)


def list_(session: Session) -> None:
    """All pipelines."""
    found = list(session.client.pages("/pipelines"))
    rows = [(p["production"], " → ".join(s["app"] for s in p["stages"])) for p in found]
    session.output.show(table(("PIPELINE", "STAGES"), rows))
    session.output.document(found)


def info(session: Session, production: Production) -> None:
    """A pipeline with its stages in order, and what each runs."""
    found = session.client.get(f"/pipelines/{segment(production)}")
    switched = found.get("review_apps")
    session.output.show(
        fields(
            [
                ("pipeline", found["production"]),
                ("created", moment(found["created_at"])),
                *([("review apps", _how(switched))] if switched else []),
            ]
        )
    )
    if not session.output.json:
        apps = list(session.client.pages("/apps"))
        _show_stages(session, found["stages"], apps)
        if switched:
            _show_review_apps(session, production, apps)
    session.output.document(found)


def _show_stages(session: Session, stages: list[Json], apps: list[Json]) -> None:
    """What runs in each, and what is to be said of its newest deployment."""
    remarks = {app["name"]: state_of(app) for app in apps}
    rows = [
        (
            s["app"],
            str(s["summary"]).removeprefix(f"{s['app']} — "),
            ", ".join(x["stack"] for x in s["stacks"]),
            s["promotion"],
            remarks.get(s["app"]),
        )
        for s in stages
    ]
    session.output.show(table(("STAGE", "LIVE", "STACKS", "LATEST PROMOTION", "REMARK"), rows))


def _how(switched: Json) -> str:
    """How pull requests get their apps."""
    said = [f"on {switched['stack']}", switched["image"]]
    if switched["expires"] is not None:
        said.append(f"gone {_time(switched['expires'])} after the last push")
    said += ["forks, too"] * switched["forks"] + ["with the secrets of production"] * switched["secrets"]
    return ", ".join(said)


def _time(seconds: int) -> str:
    """As it is typed."""
    size, unit = next(found for found in ((86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")) if seconds % found[0] == 0)
    return f"{seconds // size}{unit}"


def _show_review_apps(session: Session, production: str, apps: list[Json]) -> None:
    """Those that there are, and what runs in them."""
    rows = [(a["name"], summary_of(a), origin_of(a), state_of(a)) for a in apps if _is_of(a, production)]
    if rows:
        session.output.show(table(("REVIEW APP", "LIVE", "MADE AS", "REMARK"), rows))


def _is_of(app: Json, production: str) -> bool:
    review = app.get("review")
    return review is not None and bool(review["production"] == production)
