"""`ownstack logs`: what the phases of an app's deployments, and commands beside it, printed."""

from __future__ import annotations

from collections import deque
from typing import Annotated

import typer

from ownstack import completion
from ownstack.answers import Json
from ownstack.commands.params import App, Follow, Limit, OneStack
from ownstack.output import moment
from ownstack.paths import segment
from ownstack.session import Session, command

Deployment = Annotated[
    str | None,
    typer.Option(
        "--deployment",
        metavar="ID",
        help="Only of this deployment, or of this command (ID#run).",
        autocompletion=completion.deployments,
    ),
]


def register(root: typer.Typer) -> None:
    """Put the command into `ownstack` itself."""
    command(root, "logs")(logs)


def logs(
    session: Session,
    app: App,
    stack: OneStack = None,
    deployment: Deployment = None,
    follow: Follow = False,
    limit: Limit = 500,
) -> None:
    """The last lines that an app's deployments, and commands beside it, printed.

    Of an app that was destroyed and made anew, since then; of the one before, with --deployment.

    With --follow goes on with what comes; then --json prints a line for each.
    """
    path = f"/apps/{segment(app)}/logs"
    found = deque(session.client.pages(path, stack=stack, deployment=deployment), maxlen=limit)
    for line in found:
        _tell(session, line, lines=follow)
    if not follow:
        session.output.document(list(found))
        return
    after = str(found[-1]["cursor"]) if found else "0"
    for sent in session.client.follow(f"{path}/events", after=after, stack=stack, deployment=deployment):
        _tell(session, sent.document(), lines=True)


def _tell(session: Session, line: Json, *, lines: bool) -> None:
    session.output.say(f"{moment(line['at'])}  {line['stack']}  {line['phase']}  {line['text']}")
    if lines:
        session.output.line(line)
