"""`ownstack up` and `ownstack demo`: every service in one process; and the whole story on this machine."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Annotated

import typer

from ownstack import uplog
from ownstack.exits import Exit, Failure, Silent
from ownstack.naming import must_name_a_team
from ownstack.sending import must
from ownstack.session import Session, command

if TYPE_CHECKING:
    from ownstack.firststart import Welcome

_LOOPBACK = ("127.0.0.1", "::1", "localhost")

Data = Annotated[
    Path | None, typer.Option("--data", metavar="DIR", help="Where its file is; else $XDG_DATA_HOME/ownstack.")
]
Host = Annotated[str, typer.Option("--host", help="The address to listen on.")]
Port = Annotated[int, typer.Option("--port", min=0, max=65535, help="The port to listen on; 0: any that is free.")]
Team = Annotated[str, typer.Option("--team", help="The team that your first token speaks for.")]
LogJson = Annotated[bool, typer.Option("--log-json", help="Log in JSON.")]
Keep = Annotated[
    Path | None, typer.Option("--data", metavar="DIR", help="Keep everything here; else it is thrown away.")
]


def register(root: typer.Typer, run: Callable[[Sequence[str]], int]) -> None:
    """Put the commands into `ownstack` itself. run: runs a command line; the demo types some."""
    command(root, "up")(up)
    command(root, "demo")(_demo(run))


def up(
    session: Session,
    data: Data = None,
    host: Host = "127.0.0.1",
    port: Port = 8700,
    team: Team = "default",
    log_json: LogJson = False,
) -> None:
    """Run every service in one process, on one SQLite file, until Ctrl-C."""
    must_name_a_team(team)
    uplog.set_up(json=log_json)
    house = _house()
    options = house.Options((data or default_data()).absolute(), host, port, team)
    if host not in _LOOPBACK:
        session.output.note(f"Tokens travel unencrypted to {host}: put a proxy with TLS before it.")
    if not house.live(options, _greet(session), _stopping(session)):
        raise Silent(Exit.FAILED)


def default_data() -> Path:
    """The folder of data, as XDG has it."""
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "ownstack"


def _house() -> ModuleType:
    """The services, if they are installed: the base installation is the CLI alone."""
    try:
        return import_module("ownstack.up")
    except ModuleNotFoundError as error:
        hint = "Install them: uv tool install 'ownstack[all]'"
        message = f"This needs the services, which are not installed here ({error.name} is missing)."
        raise Failure("not-installed", message, hint=hint) from None


def _greet(session: Session) -> Callable[[Welcome], None]:
    def ready(welcome: Welcome) -> None:
        profile = welcome.profile
        option = "" if welcome.is_default else f" --profile {profile.name}"
        session.output.say(f"Ready at {profile.url} for team {profile.team}; profile {profile.name} in {welcome.path}.")
        session.output.say("Next, in another terminal:")
        for words in _NEXT:
            session.output.say(f"  ownstack {words}{option}")
        session.output.line({"url": profile.url, "team": profile.team, "profile": profile.name})
        sys.stdout.flush()

    return ready


_NEXT = ("stack add STACK --driver dokku --host HOST", "app create APP --stack STACK", "history --follow")


def _stopping(session: Session) -> Callable[[], None]:
    return lambda: session.output.note("Stopping: what runs is finished first. Once more to stop at once.")


def _demo(run: Callable[[Sequence[str]], int]) -> Callable[[Session, Path | None], None]:
    def demo(session: Session, data: Keep = None) -> None:
        """The whole story on this machine: two apps, four stacks, a failure and a retry. Touches nothing of yours."""
        _house()
        from ownstack.demo import Demo  # noqa: PLC0415 - only here is it needed

        must(not session.output.json, "The demo is for people: it has no --json.", "ownstack demo")
        if not Demo(run, data).run():
            raise Silent(Exit.FAILED)

    return demo
