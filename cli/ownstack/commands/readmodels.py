"""`ownstack readmodel`: what queries are answered from, for whoever runs the installation. It asks no server."""

from __future__ import annotations

import typer

from ownstack import looping
from ownstack.missing import module_missing
from ownstack.session import Session, command


def group() -> typer.Typer:
    """The commands of this group."""
    made = typer.Typer(help="The read model, for whoever runs the installation.", no_args_is_help=True)
    command(made, "rebuild")(rebuild)
    return made


def rebuild(session: Session) -> None:
    """Build it anew from the history, while all goes on. Needs OWNSTACK_BUS and OWNSTACK_DATABASE."""
    try:
        from ownstack.serve.process import checked  # noqa: PLC0415 - only here is it needed
        from ownstack.serve.rebuilding import rebuilt  # noqa: PLC0415 - as above
    except ModuleNotFoundError as error:
        raise module_missing(error, "projections,kafka,postgres") from None
    with checked():
        done = looping.run(rebuilt())
    session.output.say(f"{done.facts} facts in {done.seconds:.1f} s; what is asked from now on is answered from them.")
    session.output.document({"facts": done.facts, "seconds": round(done.seconds, 3)})
