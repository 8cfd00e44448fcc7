"""`ownstack dead-letter`: what could not be read, why, and another try."""

from __future__ import annotations

from itertools import islice
from typing import Annotated

import typer

from ownstack import letters
from ownstack.answers import Json
from ownstack.commands.params import Key, Limit, NoWait
from ownstack.output import fields, moment, safe, table
from ownstack.paths import segment
from ownstack.sending import How, send, tell
from ownstack.session import Session, command

Id = Annotated[str, typer.Argument(metavar="ID", help="Its id, as `ownstack dead-letter list` shows it.")]
BusUrl = Annotated[
    str | None,
    typer.Option(
        "--bus",
        metavar="URL",
        envvar="OWNSTACK_BUS",
        show_envvar=False,
        help="For whoever runs the installation: read this bus instead of asking a server; then those of all teams. "
        "Also $OWNSTACK_BUS.",
    ),
]


def group() -> typer.Typer:
    """The commands of this group."""
    made = typer.Typer(help="Dead letters: what could not be read, and why.", no_args_is_help=True)
    command(made, "list")(list_)
    command(made, "show")(show)
    command(made, "resend")(resend)
    return made


def list_(session: Session, bus: BusUrl = None, limit: Limit = 50) -> None:
    """What could not be read of the team, the newest first; the last 1,000 in each partition are looked at."""
    if bus is not None:
        found = letters.newest(bus, limit)
    else:
        found = list(islice(session.client.pages("/dead-letters", limit=limit), limit))
    rows = [
        (x["id"], moment(x["at"]), x["team"], x["origin"]["topic"], f"{x['length']}", x["code"], x["reason"])
        for x in found
    ]
    session.output.show(table(("ID", "CAME", "TEAM", "FROM", "BYTES", "CODE", "REASON"), rows))
    session.output.document(found)


def show(session: Session, letter: Id, bus: BusUrl = None) -> None:
    """A dead letter: why it could not be read, where it came from, and what it says."""
    found = letters.find(bus, letter) if bus is not None else session.client.get(f"/dead-letters/{segment(letter)}")
    origin = found["origin"]
    session.output.show(
        fields(
            [
                ("dead letter", found["id"]),
                ("came", moment(found["at"])),
                ("code", found["code"]),
                ("reason", found["reason"]),
                ("team", found["team"]),
                ("key", found["key"]),
                ("from", f"{origin['topic']} partition {origin['partition']} offset {origin['offset']}"),
                ("sha256", found["sha256"]),
                ("bytes", f"{found['length']}{', not all of them kept' if found['cut'] else ''}"),
            ]
        )
    )
    session.output.say("\n" + safe(found["text"]))
    session.output.document(found)


def resend(session: Session, letter: Id, bus: BusUrl = None, key: Key = None, no_wait: NoWait = False) -> None:
    """Send what could not be read once more, under a new id: once it can be, or what was wrong is mended.

    With --bus any letter, to where it came from, without waiting for what becomes of it; else a command of the team.
    """
    if bus is not None:
        sent: Json = letters.resend(bus, letter, key)
        session.output.say(f"Sent to {sent['topic']} under the id {sent['id']}.")
        session.output.document(sent)
        return
    how = How(key, not no_wait)
    view = send(session, how, "POST", f"/dead-letters/{segment(letter)}/resend")
    tell(session, how, view, f"{letter} was sent again, and admitted as {view['type']} {view['id']}.")
