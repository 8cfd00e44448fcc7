"""`ownstack history`: every fact of the team, who brought it about, and when."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Annotated, Any

import typer

from ownstack import completion
from ownstack.commands.params import Follow, Limit
from ownstack.naming import named
from ownstack.output import moment, safe, short
from ownstack.session import Session, command
from ownstack.watching import milliseconds

OfApp = Annotated[
    str | None,
    typer.Option("--app", metavar="APP", help="Only about this app.", autocompletion=completion.apps, callback=named),
]

_ABOUT = (
    "app",
    "production",
    "staging",
    "source",
    "target",
    "stack",
    "release",
    "image",
    "reference",
    "tag",
    "code",
    "message",
)
"""What of a fact's data is worth its place on a line."""


def register(root: typer.Typer) -> None:
    """Put the command into `ownstack` itself."""
    command(root, "history")(history)


def history(session: Session, app: OfApp = None, follow: Follow = False, limit: Limit = 50) -> None:
    """What happened, the newest last.

    With --follow goes on with what comes; then --json prints a line for each fact.
    """
    newest = list(islice(session.client.pages("/history", limit=limit, app=app), limit))
    found = [fact["event"] for fact in reversed(newest)]
    for event in found:
        _tell(session, event, lines=follow)
    if not follow:
        session.output.document(found)
        return
    after = str(newest[0]["sequence"]) if newest else "0"
    for sent in session.client.follow("/events", after=after, app=app):
        _tell(session, sent.document(), lines=True)


def _tell(session: Session, event: dict[str, Any], *, lines: bool) -> None:
    data = event.get("data", {})
    worth = (*_ABOUT, "app_id") if event["type"] == "ConfigErased" else _ABOUT  # of an app that may be there again
    told = [f"{name}={_brief(name, data[name])}" for name in worth if data.get(name) is not None]
    about = " ".join([*told, *_variables(data)])
    at = moment(milliseconds(event["time"]))
    actor = f" by {event['actor']}" if event.get("actor") else ""
    session.output.say(f"{event['sequence']:>6}  {at}  {event['type']}  {about}{actor}")
    if lines:
        session.output.line(event)


def _variables(data: dict[str, Any]) -> Iterator[str]:
    """Of a change of config which variables were set and unset: their values are sealed, and say nothing to people."""
    for what, names in (("set", data.get("values")), ("unset", data.get("unset"))):
        if names:
            yield f"{what}={','.join(names)}"


def _brief(name: str, value: object) -> str:
    """Of an image its name and the first digits of its digest; all else on one line, whatever follows there."""
    if name != "image":
        return safe(str(value))
    repository, _, digest = str(value).partition("@")
    return f"{repository}@{short(digest)}" if digest else repository
