"""`ownstack login`: keep a server's address and a token in a profile."""

from __future__ import annotations

import os
import sys
from contextlib import closing
from typing import Annotated

import typer

from ownstack.connect import connect
from ownstack.exits import Exit, Failure
from ownstack.profiles import Profile, profiles_path, save
from ownstack.session import Session, command

Url = Annotated[str, typer.Argument(metavar="URL", help="The server, such as https://ownstack.example.org.")]
Name = Annotated[str | None, typer.Option("--name", metavar="NAME", help="Of the profile; else the team's name.")]


def register(root: typer.Typer) -> None:
    """Put the command into `ownstack` itself."""
    command(root, "login")(login)


def login(session: Session, url: Url, name: Name = None) -> None:
    """Keep a server and a token in a profile, and use it from now on.

    The token is asked for, or read from OWNSTACK_TOKEN or from standard input: it never stands on a command line.
    """
    secret = _secret()
    with closing(connect(Profile("login", url, secret))) as client:
        me = client.get("/me")
    profile = Profile(name or me["team"], url.rstrip("/"), secret, me["team"])
    path = profiles_path()
    save(path, profile, make_default=True)
    session.output.say(f"You speak for team {me['team']} as {me['actor']}. Kept as profile {profile.name} in {path}.")
    session.output.document({"profile": profile.name, "url": profile.url, **me})


def _secret() -> str:
    found = os.environ.get("OWNSTACK_TOKEN") or _asked()
    if not found.strip():
        hint = "Somebody who has one makes another: `ownstack token add NAME`."
        raise Failure("token-missing", "No token was given.", hint=hint, exit_code=Exit.USAGE)
    return found.strip()


def _asked() -> str:
    if sys.stdin.isatty():
        return str(typer.prompt("Token", hide_input=True, err=True))
    return sys.stdin.readline()
