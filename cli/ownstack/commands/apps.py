"""`ownstack app`: what runs, on which stacks, and with which settings."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from ownstack import completion
from ownstack.appview import remark_of, show_app, summary_of
from ownstack.commands.params import App, Key, NoWait, Stack
from ownstack.exits import Exit, Failure
from ownstack.naming import must_be_repository, named
from ownstack.output import table
from ownstack.paths import segment
from ownstack.sending import How, follow_jobs, must, send, tell
from ownstack.session import Session, command

OnStacks = Annotated[
    list[str] | None,
    typer.Option(
        "--stack",
        metavar="STACK",
        help="Where it runs (several times).",
        autocompletion=completion.stacks,
        callback=named,
    ),
]
ReleaseTask = Annotated[str | None, typer.Option("--release-task", help="Where it runs: each-stack or first-stack.")]
Postdeploy = Annotated[
    str | None,
    typer.Option("--postdeploy", help="How often it runs: once-per-promotion, once-per-app or each-stack."),
]
Waiting = Annotated[
    int | None, typer.Option("--waiting-deadline", metavar="SECONDS", help="How long a stack may wait for a deployer.")
]
Running = Annotated[
    int | None, typer.Option("--running-deadline", metavar="SECONDS", help="How long a deployment on a stack may take.")
]
Retag = Annotated[
    bool | None,
    typer.Option("--retag/--no-retag", help="Whether an image that is promoted to it gets the tag APP-vN."),
]
RetagTo = Annotated[
    str | None,
    typer.Option("--retag-to", metavar="REPO", help="In which repository; empty: in that of the image."),
]
Force = Annotated[bool, typer.Option("--force", help="Do not ask.")]


def register(app: typer.Typer) -> None:
    """Put the commands into their group."""
    for name, function in (
        ("create", create),
        ("list", list_),
        ("info", info),
        ("add-stack", add_stack),
        ("remove-stack", remove_stack),
        ("settings", settings),
        ("destroy", destroy),
    ):
        command(app, name)(function)


def create(session: Session, app: App, stacks: OnStacks = None, key: Key = None, no_wait: NoWait = False) -> None:
    """Create an app. What is live on its stacks is looked at, and found."""
    how = How(key, not no_wait)
    view = send(session, how, "POST", "/apps", {"name": app, "stacks": stacks or []})
    follow_jobs(session, how, view, f"{app} is an app.")


def list_(session: Session) -> None:
    """All apps, and what is live."""
    found = list(session.client.pages("/apps"))
    rows = [
        (a["name"], summary_of(a), ", ".join(s["stack"] for s in a["stacks"]), a["pipeline"], remark_of(a))
        for a in found
    ]
    session.output.show(table(("APP", "LIVE", "STACKS", "PIPELINE", "REMARK"), rows))
    session.output.document(found)


def info(session: Session, app: App) -> None:
    """An app: its settings, and what is live on each of its stacks, also if it is not what was released there."""
    found = session.client.get(f"/apps/{segment(app)}")
    show_app(session, found)
    session.output.document(found)


def add_stack(session: Session, app: App, stack: Stack, key: Key = None, no_wait: NoWait = False) -> None:
    """Put an app on one more stack. What is live there is looked at, and found."""
    how = How(key, not no_wait)
    view = send(session, how, "PUT", f"/apps/{segment(app)}/stacks/{segment(stack)}")
    follow_jobs(session, how, view, f"{app} is on {stack}.")


def remove_stack(
    session: Session, app: App, stack: Stack, force: Force = False, key: Key = None, no_wait: NoWait = False
) -> None:
    """Take an app from a stack, which is asked to remove it."""
    _confirm(session, f"{app} will be removed from {stack}.", stack, force=force)
    how = How(key, not no_wait)
    view = send(session, how, "DELETE", f"/apps/{segment(app)}/stacks/{segment(stack)}")
    follow_jobs(session, how, view, f"{app} is on {stack} no more.", removing=True)


def settings(
    session: Session,
    app: App,
    release_task: ReleaseTask = None,
    postdeploy: Postdeploy = None,
    waiting_deadline: Waiting = None,
    running_deadline: Running = None,
    retag: Retag = None,
    retag_to: RetagTo = None,
    key: Key = None,
    no_wait: NoWait = False,
) -> None:
    """Change how an app is deployed; what is not given stays."""
    body = {
        "release_task": release_task,
        "postdeploy": postdeploy,
        "waiting_deadline": waiting_deadline,
        "running_deadline": running_deadline,
        "retag": retag,
        "retag_to": retag_to,
    }
    given = {name: value for name, value in body.items() if value is not None}
    must(
        given, "No setting is given.", f"To see them: ownstack app info {app}. To change: ownstack app settings --help"
    )
    if retag_to:
        must_be_repository(retag_to)
    how = How(key, not no_wait)
    view = send(session, how, "PATCH", f"/apps/{segment(app)}/settings", given)
    tell(session, how, view, f"{app}: " + ", ".join(f"{n} is {_spoken(v)}" for n, v in given.items()) + ".")


def _spoken(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value) or "empty"


def destroy(session: Session, app: App, force: Force = False, key: Key = None, no_wait: NoWait = False) -> None:
    """Destroy an app: each of its stacks is asked to remove it. Nobody can ever read its config again."""
    gone = f"{app} will be removed from all its stacks, and is gone here. Its config can never be read again."
    _confirm(session, gone, app, force=force)
    how = How(key, not no_wait)
    view = send(session, how, "DELETE", f"/apps/{segment(app)}")
    follow_jobs(session, how, view, f"{app} is no app any more.", removing=True)


def _confirm(session: Session, warning: str, name: str, *, force: bool) -> None:
    """Whoever destroys something types its name, or says --force."""
    if force:
        return
    nothing = "Nothing was done: it has to be confirmed, and nobody can be asked here."
    must(sys.stdin.isatty() and not session.output.json, nothing, f"With --force it is done: {warning}")
    typer.echo(warning, err=True)
    if typer.prompt(f"Type {name} to go on", err=True) != name:
        raise Failure("not-confirmed", "That is another name; nothing was done.", exit_code=Exit.USAGE)
