"""`ownstack team`: new teams, made by whoever runs the installation. It asks no server: nobody has a token yet."""

from __future__ import annotations

from typing import Annotated

import typer

from ownstack import looping
from ownstack.exits import Exit, Failure
from ownstack.missing import module_missing
from ownstack.naming import must_name_a_team
from ownstack.session import Session, command

Name = Annotated[str, typer.Argument(metavar="TEAM", help="Its name.")]
NewToken = Annotated[
    bool, typer.Option("--new-token", help="Print another token if the team has one; the others stay valid.")
]


def group() -> typer.Typer:
    """The commands of this group."""
    made = typer.Typer(help="Teams, for whoever runs the installation.", no_args_is_help=True)
    command(made, "create")(create)
    return made


def create(session: Session, team: Name, new_token: NewToken = False) -> None:
    """Make a team, and print its first token, this once. Needs OWNSTACK_BUS and OWNSTACK_DATABASE."""
    must_name_a_team(team)
    try:
        from ownstack.serve.founding import found  # noqa: PLC0415 - only here is it needed
        from ownstack.serve.process import checked  # noqa: PLC0415 - as above
    except ModuleNotFoundError as error:
        raise module_missing(error, "api,kafka,postgres") from None
    with checked():
        secret = looping.run(found(team, new_token=new_token))
    if secret is None:
        raise Failure(
            "team-has-token",
            f"The team {team} has a token already, whose secret nobody keeps.",
            hint=f"ownstack team create {team} --new-token",
            exit_code=Exit.REJECTED,
        )
    session.output.say(secret)
    session.output.note("This is shown once, and kept nowhere: ownstack login URL")
    session.output.document({"team": team, "token": secret})
