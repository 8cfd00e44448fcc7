"""`ownstack stack`: the servers that apps run on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ownstack.commands.params import Key, NoWait, Stack
from ownstack.output import fields, moment, table
from ownstack.paths import segment
from ownstack.sending import How, must, send, tell
from ownstack.session import Session, command

Driver = Annotated[str, typer.Option("--driver", help="How it is driven: program, or noop (which does nothing).")]
Address = Annotated[str, typer.Option("--address", help="Where it is: for `program` the program's path.")]
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="For its driver (several times).")
]
Forget = Annotated[bool, typer.Option("--forget", help="Although apps are on it: leave them behind there.")]


def group() -> typer.Typer:
    """The commands of this group."""
    made = typer.Typer(help="Stacks: the servers that apps run on.", no_args_is_help=True)
    command(made, "add")(add)
    command(made, "list")(list_)
    command(made, "info")(info)
    command(made, "remove")(remove)
    return made


def add(
    session: Session,
    stack: Stack,
    address: Address = "",
    driver: Driver = "program",
    settings: Settings = None,
    key: Key = None,
    no_wait: NoWait = False,
) -> None:
    """Add a stack."""
    how = How(key, not no_wait)
    body = {"name": stack, "driver": driver, "address": _absolute(address), "settings": _pairs(settings or [])}
    tell(session, how, send(session, how, "POST", "/stacks", body), f"{stack} is a stack.")


def _absolute(address: str) -> str:
    """A path that is relative to the folder of whoever types it means nothing to a deployer."""
    if address.startswith(("./", "../", "~/")):
        return str(Path(address).expanduser().resolve())
    return address


def _pairs(given: list[str]) -> dict[str, str]:
    for pair in given:
        must("=" in pair, f"--set {pair} has no value.", "--set KEY=VALUE")
    return {pair.partition("=")[0]: pair.partition("=")[2] for pair in given}


def list_(session: Session) -> None:
    """All stacks."""
    found = list(session.client.pages("/stacks"))
    rows = [(s["name"], s["driver"], s["address"], ", ".join(s["apps"])) for s in found]
    session.output.show(table(("STACK", "DRIVER", "ADDRESS", "APPS"), rows))
    session.output.document(found)


def info(session: Session, stack: Stack) -> None:
    """A stack, and the apps on it."""
    found = session.client.get(f"/stacks/{segment(stack)}")
    settings = ", ".join(f"{k}={v}" for k, v in found["settings"].items())
    session.output.show(
        fields(
            [
                ("stack", found["name"]),
                ("driver", found["driver"]),
                ("address", found["address"]),
                ("settings", settings),
                ("added", moment(found["added_at"])),
                ("apps", ", ".join(found["apps"])),
            ]
        )
    )
    session.output.document(found)


def remove(session: Session, stack: Stack, forget: Forget = False, key: Key = None, no_wait: NoWait = False) -> None:
    """Remove a stack that no app is on."""
    how = How(key, not no_wait)
    view = send(session, how, "DELETE", f"/stacks/{segment(stack)}", forget="true" if forget else None)
    tell(session, how, view, f"{stack} is no stack any more.")
