"""`ownstack token`: who may speak for the team."""

from __future__ import annotations

from typing import Annotated

import typer

from ownstack.exits import Exit, Failure
from ownstack.output import moment, table
from ownstack.paths import segment
from ownstack.session import Session, command

Name = Annotated[str, typer.Argument(metavar="NAME", help="Seen in the history as token:NAME.")]
NameOrId = Annotated[str, typer.Argument(metavar="NAME", help="Its name, or its id.")]


def group() -> typer.Typer:
    """The commands of this group."""
    made = typer.Typer(help="Tokens: who may speak for the team.", no_args_is_help=True)
    command(made, "add")(add)
    command(made, "list")(list_)
    command(made, "revoke")(revoke)
    return made


def add(session: Session, name: Name) -> None:
    """Make a token. Its secret is shown this once."""
    made = session.client.post("/tokens", {"name": name})
    session.output.say(made["secret"])
    session.output.note("This is shown once, and kept nowhere. Use it as OWNSTACK_TOKEN, or with `ownstack login`.")
    session.output.document(made)


def list_(session: Session) -> None:
    """All tokens of the team, also the revoked ones."""
    found = list(session.client.pages("/tokens"))
    rows = [
        (t["name"], t["id"], f"…{t['ending']}", moment(t["created_at"]), moment(t["revoked_at"]) or "valid")
        for t in found
    ]
    session.output.show(table(("NAME", "ID", "ENDING", "CREATED", "REVOKED"), rows))
    session.output.document(found)


def revoke(session: Session, name: NameOrId) -> None:
    """Make a token worthless, for good."""
    valid = [t for t in session.client.pages("/tokens") if t["revoked_at"] is None]
    found = next((t for t in valid if name in (t["name"], t["id"])), None)
    if found is None:
        hint = "ownstack token list"
        raise Failure("token-unknown", f"There is no valid token {name}.", hint=hint, exit_code=Exit.REJECTED)
    session.client.delete(f"/tokens/{segment(found['id'])}")
    session.output.say(f"{found['name']} is worth nothing any more.")
    session.output.document(found)
