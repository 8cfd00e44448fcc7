"""The arguments and options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

from ownstack import completion
from ownstack.naming import named

App = Annotated[str, typer.Argument(metavar="APP", help="The app.", autocompletion=completion.apps, callback=named)]
Stack = Annotated[
    str, typer.Argument(metavar="STACK", help="The stack.", autocompletion=completion.stacks, callback=named)
]
Production = Annotated[
    str,
    typer.Argument(
        metavar="PRODUCTION", help="The production app of the pipeline.", autocompletion=completion.apps, callback=named
    ),
]
Stacks = Annotated[
    list[str] | None,
    typer.Option(
        "--stack",
        metavar="STACK",
        help="Only on this stack (several times).",
        autocompletion=completion.stacks,
        callback=named,
    ),
]
OneStack = Annotated[
    str | None,
    typer.Option(
        "--stack", metavar="STACK", help="Only of this stack.", autocompletion=completion.stacks, callback=named
    ),
]
Redeploy = Annotated[bool, typer.Option("--redeploy", help="Also where the release is live already.")]
NoWait = Annotated[bool, typer.Option("--no-wait", help="Return once it is sent.")]
Key = Annotated[
    str | None,
    typer.Option("--id", metavar="ID", help="The id of the command: sent again with the same id, it happens once."),
]
Limit = Annotated[int, typer.Option("--limit", min=1, metavar="N", help="At most so many.")]
Follow = Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes, until Ctrl-C.")]
