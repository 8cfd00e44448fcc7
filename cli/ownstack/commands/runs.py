"""`ownstack run`: a command beside an app, in its image and with its config, as if it were run here."""

from __future__ import annotations

from typing import Annotated

import typer

from ownstack import completion
from ownstack.commands.params import App, Key, NoWait
from ownstack.exits import Exit, Silent
from ownstack.naming import named
from ownstack.paths import segment
from ownstack.runs import follow_run
from ownstack.sending import How, must, send, tell
from ownstack.session import Session, command

OnStack = Annotated[
    str | None,
    typer.Option(
        "--stack",
        metavar="STACK",
        help="Where; may be left out for an app on one stack.",
        autocompletion=completion.stacks,
        callback=named,
    ),
]
Words = Annotated[list[str], typer.Argument(metavar="-- CMD ARG…", help="A program and its arguments: no shell.")]


def register(root: typer.Typer) -> None:
    """Put the command into `ownstack` itself."""
    command(root, "run")(run)


def run(
    session: Session, app: App, words: Words, stack: OnStack = None, key: Key = None, no_wait: NoWait = False
) -> None:
    """Run a command beside an app on a stack, in its image and with its config. It stands in the history for good.

    Its output is printed as it comes, and its exit code is that of this command; 125 if it did not run, or if it is
    not known how it ended. On a terminal control characters are shown, not obeyed. With --json the run is printed once
    it has ended, and its output is left to `ownstack logs`.
    """
    where = stack or _only_stack(session, app)
    how = How(key, not no_wait)
    view = send(session, how, "POST", f"/apps/{segment(app)}/runs", {"stack": where, "command": words})
    if no_wait:
        tell(session, how, view, "")
        session.output.note(f"To see it: ownstack logs {app} --deployment {view['id']}#run --follow")
        return
    ended = follow_run(session, view, app)
    session.output.document(ended)
    if ended["status"] != "ended":
        session.output.note(
            f"{ended['status']}: {ended['message'] or _MEANINGS.get(ended['status'], 'it did not run.')}"
        )
        raise Silent(Exit.NOT_RUN)
    raise Silent(ended["exit_code"])


_MEANINGS = {
    "expired": "a deadline has passed.",
    "unknown": "its deployer was lost. It may have run: nobody knows how it ended.",
}


def _only_stack(session: Session, app: str) -> str:
    stacks = [found["stack"] for found in session.client.get(f"/apps/{segment(app)}")["stacks"]]
    must(stacks, f"{app} is on no stack.", f"ownstack app add-stack {app} STACK")
    must(len(stacks) == 1, f"{app} is on {len(stacks)} stacks: say on which.", f"--stack {' or '.join(stacks[:5])}")
    return str(stacks[0])
