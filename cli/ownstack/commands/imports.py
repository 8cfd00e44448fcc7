"""`ownstack app import` and `ownstack app look`: what runs on stacks already, taken over, or looked at again."""

from __future__ import annotations

from typing import Annotated

import typer

from ownstack import completion
from ownstack.answers import Json
from ownstack.appview import show_stacks
from ownstack.awaiting import Awaited, await_fact
from ownstack.commands.params import App, Key, NoWait, OneStack
from ownstack.exits import Exit, Failure, Silent
from ownstack.naming import named
from ownstack.paths import segment
from ownstack.sending import How, follow_looks, send, tell
from ownstack.session import Session, command

From = Annotated[
    str,
    typer.Option("--stack", metavar="STACK", help="Where it runs.", autocompletion=completion.stacks, callback=named),
]
Config = Annotated[bool, typer.Option("--config", help="With the names of its config variables; never their values.")]


def register(app: typer.Typer) -> None:
    """Put the commands into their group."""
    command(app, "import")(import_)
    command(app, "look")(look)


def import_(
    session: Session, app: App, stack: From, config: Config = False, key: Key = None, no_wait: NoWait = False
) -> None:
    """Take over an app that runs on a stack under that name. Nothing changes there."""
    how = How(key, not no_wait)
    view = send(session, how, "POST", "/imports", {"name": app, "stack": stack, "config": config})
    if no_wait:
        tell(session, how, view, "")
        return
    fact = await_fact(session, view["sequence"], _end_of(app, stack))
    if fact["type"] == "AppImportFailed":
        about = fact["data"]
        raise Failure(about["code"], about["message"], hint=f"ownstack stack check {stack}", about={"command": view})
    session.output.say(f"{app} is an app, as it runs on {stack}.")
    found = session.client.get(f"/apps/{segment(app)}")
    show_stacks(session, found)
    session.output.document(found)


def _end_of(app: str, stack: str) -> Awaited:
    def is_it(kind: str, data: Json) -> bool:
        ends = kind in ("AppImported", "AppImportFailed")
        return ends and data.get("app") == app and data.get("stack") == stack

    return Awaited(f"looking at {app} on {stack} …", is_it, f"ownstack history --app {app} --follow")


def look(session: Session, app: App, stack: OneStack = None, key: Key = None, no_wait: NoWait = False) -> None:
    """Look at what is live of an app now: on all of its stacks, or on one. Fails if one could not be looked at."""
    how = How(key, not no_wait)
    view = send(session, how, "POST", f"/apps/{segment(app)}/looks", {"stack": stack} if stack else {})
    if no_wait:
        tell(session, how, view, "")
        return
    seen = follow_looks(session, view, f"{app}: looking at what is live")
    found = session.client.get(f"/apps/{segment(app)}")
    show_stacks(session, found)
    session.output.document(found)
    if not seen:
        raise Silent(Exit.FAILED)
