"""What every command has: `--json`, `--profile`, and by them its output and its client."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Concatenate, ParamSpec

import typer
from typer.core import TyperCommand

from ownstack import completion
from ownstack.connect import connect
from ownstack.output import Output
from ownstack.profiles import choose

if TYPE_CHECKING:
    from ownstack.client import Client

P = ParamSpec("P")

COMMON = "Everywhere"
"""The panel of the options that all commands have, in their help."""


@dataclass
class Session:
    """One run of one command."""

    output: Output
    profile: str | None = None
    _client: Client | None = field(default=None, repr=False)

    @property
    def client(self) -> Client:
        """The client, made when it is first used. Raises Failure if it is not known whom to ask."""
        if self._client is None:
            self._client = connect(choose(os.environ, self.profile))
        return self._client

    def close(self) -> None:
        """Let go of the client's connections."""
        if self._client is not None:
            self._client.close()


_Json = Annotated[bool, typer.Option("--json", help="Print JSON, also of errors.", rich_help_panel=COMMON)]
_Profile = Annotated[
    str | None,
    typer.Option(
        "--profile",
        metavar="NAME",
        help="The server to ask, by its profile.",
        rich_help_panel=COMMON,
        autocompletion=completion.profiles,
    ),
]


def command(
    app: typer.Typer, name: str, cls: type[TyperCommand] | None = None
) -> Callable[[Callable[Concatenate[Session, P], None]], Callable[..., None]]:
    """Registers a command that gets a Session as its first argument, and has the options of all commands.

    cls: the kind of command, where its help differs from that of others.
    """

    def register(function: Callable[Concatenate[Session, P], None]) -> Callable[..., None]:
        @functools.wraps(function)
        def run(*args: Any, json: bool, profile: str | None, **kwargs: Any) -> None:
            session = Session(Output(json=json), profile)
            try:
                function(session, *args, **kwargs)
            finally:
                session.close()

        _declare(run, function)
        app.command(name, cls=cls)(run)
        return run

    return register


def _declare(run: Callable[..., None], function: Callable[..., None]) -> None:
    """Typer reads signatures: this one is the function's, without the Session, with the common options."""
    own = list(inspect.signature(function, eval_str=True).parameters.values())[1:]
    keyword = inspect.Parameter.KEYWORD_ONLY
    common = [
        inspect.Parameter("json", keyword, default=False, annotation=_Json),
        inspect.Parameter("profile", keyword, default=None, annotation=_Profile),
    ]
    parameters = [p.replace(kind=keyword) for p in own] + common
    parameters.sort(key=lambda p: p.default is not inspect.Parameter.empty)
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined] # what inspect reads
    run.__annotations__ = {p.name: p.annotation for p in parameters}
    del run.__wrapped__  # type: ignore[attr-defined] # else its signature would be read
