"""`ownstack promotion`: what was promoted, what became of it, and how to stop it."""

from __future__ import annotations

from typing import Annotated

import typer

from ownstack import completion
from ownstack.commands.params import Key, Limit, NoWait
from ownstack.naming import named
from ownstack.output import moment, short, span, table
from ownstack.paths import segment
from ownstack.progress import source_of
from ownstack.sending import How, send, show_rollout, tell
from ownstack.session import Session, command

Promotion = Annotated[
    str, typer.Argument(metavar="PROMOTION", help="Its id.", autocompletion=completion.open_promotions)
]
OfApp = Annotated[
    str | None,
    typer.Option(
        "--app", metavar="APP", help="Only those to this app.", autocompletion=completion.apps, callback=named
    ),
]
Status = Annotated[
    str | None, typer.Option("--status", help="Only those that are looking, running, succeeded, failed, …")
]


def group() -> typer.Typer:
    """The commands of this group."""
    made = typer.Typer(help="Promotions: what went from stage to stage.", no_args_is_help=True)
    command(made, "list")(list_)
    command(made, "info")(info)
    command(made, "cancel")(cancel)
    return made


def list_(session: Session, app: OfApp = None, status: Status = None, limit: Limit = 50) -> None:
    """Promotions, newest first."""
    found = list(session.client.pages("/promotions", limit=limit, app=app, status=status))
    rows = [
        (
            p["id"],
            source_of(p),
            p["app"] + (f" v{p['release']}" if p["release"] is not None else ""),
            short(p["digest"] or ""),
            p["status"],
            moment(p["requested_at"]),
            p["requester"],
        )
        for p in found
    ]
    session.output.show(table(("PROMOTION", "FROM", "TO", "DIGEST", "STATUS", "REQUESTED", "BY"), rows))
    session.output.document(found)


def info(session: Session, promotion: Promotion) -> None:
    """A promotion, with what became of each stack."""
    found = session.client.get(f"/promotions/{segment(promotion)}")
    show_rollout(session, found)
    rows = [
        (s["stack"], s["state"], str(s["attempt"]), span(s["started_at"], s["ended_at"]), s["message"])
        for s in found["stacks"]
    ]
    session.output.show(table(("STACK", "STATE", "ATTEMPT", "TOOK", "REMARK"), rows))
    scripts = [(p["stack"], p["state"], str(p["attempt"]), p["message"]) for p in found["postdeploys"]]
    if scripts:
        session.output.show(table(("POST-DEPLOY ON", "STATE", "ATTEMPT", "REMARK"), scripts))
    session.output.document(found)


def cancel(session: Session, promotion: Promotion, key: Key = None, no_wait: NoWait = False) -> None:
    """Start no further stack of a promotion; what has begun is finished."""
    how = How(key, not no_wait)
    view = send(session, how, "POST", f"/promotions/{segment(promotion)}/cancel")
    tell(session, how, view, f"{promotion} starts on no further stack; what has begun is finished.")
