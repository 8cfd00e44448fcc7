"""`ownstack deployer`: the deployer on this machine. It asks no server."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from ownstack.commands.houses import default_data
from ownstack.exits import Failure
from ownstack.missing import service_missing
from ownstack.session import Session, command

Data = Annotated[
    Path | None, typer.Option("--data", metavar="DIR", help="Of the deployer in `ownstack up --data DIR`.")
]

_STATE = "OWNSTACK_DEPLOYER_STATE"


def group() -> typer.Typer:
    """The commands of this group."""
    made = typer.Typer(help="The deployer on this machine.", no_args_is_help=True)
    made.callback()(_stay_a_group)
    command(made, "key")(key)
    return made


def _stay_a_group() -> None:
    """The deployer on this machine."""


def key(session: Session, data: Data = None) -> None:
    """Print the public SSH key by which Dokku stacks know the deployer on this machine; it is made if there is none.

    That is the deployer of `ownstack up`, if --data is given, or if its data is in its usual folder and
    OWNSTACK_DEPLOYER_STATE is not set; else that of `ownstack serve deployer`.
    """
    folder = _folder_of_up(data)
    try:
        from ownstack.serve.process import checked  # noqa: PLC0415 - late
        from ownstack_deployer.drivers.dokku.keys import public_line  # noqa: PLC0415 - late
        from ownstack_deployer.drivers.port import PhaseFailed  # noqa: PLC0415 - late
        from ownstack_deployer.settings import Settings  # noqa: PLC0415 - late
    except ModuleNotFoundError as error:
        raise service_missing(error, "deployer") from None
    with checked():
        settings = Settings() if folder is None else Settings(state=folder)
    try:
        line = public_line(settings)
    except PhaseFailed as error:
        raise Failure(error.code, error.message, hint="Run it as whoever runs the deployer.") from None
    session.output.note(f"of the deployer that keeps its state in {settings.state}")
    if session.output.json:
        session.output.document({"public_key": line, "state": str(settings.state)})
    else:
        sys.stdout.write(f"{line}\n")


def _folder_of_up(data: Path | None) -> Path | None:
    """Where the deployer of `ownstack up` keeps its key, if that one is meant."""
    if data is None and (os.environ.get(_STATE) or not (default_data() / "ownstack.db").is_file()):
        return None
    return (data or default_data()).absolute() / "deployer"
