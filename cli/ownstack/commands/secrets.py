"""`ownstack secret`: the key that config is sealed with, for whoever runs the installation. It asks no server."""

from __future__ import annotations

import base64
import secrets
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Annotated

import typer

from ownstack.commands.houses import default_data
from ownstack.missing import module_missing
from ownstack.session import Session, command

KEY_BYTES = 32

House = Annotated[
    Path | None, typer.Option("--data", metavar="DIR", help="Of `ownstack up`; else $XDG_DATA_HOME/ownstack.")
]
Stopped = Annotated[
    Path | None, typer.Option("--data", metavar="DIR", help="Of `ownstack up`; else $OWNSTACK_DATABASE, of services.")
]
ForgetLost = Annotated[
    bool, typer.Option("--forget-lost", help="Forget what no key opens that is given: its values must be set anew.")
]


def group() -> typer.Typer:
    """The commands of this group."""
    made = typer.Typer(
        help="The key that config is sealed with, for whoever runs the installation.", no_args_is_help=True
    )
    command(made, "new")(new)
    command(made, "rotate")(rotate)
    command(made, "rewrap")(rewrap)
    return made


def new(session: Session) -> None:
    """Print a fresh secret key. It is kept nowhere: put it where OWNSTACK_SECRET_KEY or a file of it comes from.

    A file is to be its owner's alone (chmod 600): `ownstack up` refuses a secret.key that is open to others.
    """
    key = base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()  # as `ownstack_vault` does, which may not be here
    session.output.say(key)
    session.output.document({"secret_key": key})


def rotate(session: Session, data: House = None, forget_lost: ForgetLost = False) -> None:
    """Replace the secret key of a house that is stopped. Cut short, the house starts all the same; run it again."""
    folder = (data or default_data()).absolute()
    count = _module("ownstack.rotating").rotate(folder, forget_lost=forget_lost)
    session.output.say(f"The key in {folder / 'secret.key'} is a new one; {_keys(count)} wrapped with it.")
    session.output.note("Copies of the database from before need the old key. Keep a copy of the new one.")
    session.output.document({"rewrapped": count})


def rewrap(session: Session, data: Stopped = None, forget_lost: ForgetLost = False) -> None:
    """Wrap all keys with OWNSTACK_SECRET_KEY, so that those in OWNSTACK_SECRET_KEY_OLD are not needed any longer."""
    rotating = _module("ownstack.rotating")
    with _module("ownstack.serve.process").checked():
        count = rotating.rewrap(None if data is None else data.absolute(), forget_lost=forget_lost)
    session.output.say(f"{_keys(count)} wrapped with the present key.")
    session.output.document({"rewrapped": count})


def _keys(count: int) -> str:
    return "1 key is" if count == 1 else f"{count} keys are"


def _module(name: str) -> ModuleType:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        raise module_missing(error, "all") from None
