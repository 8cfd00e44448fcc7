"""`ownstack config:push`: the variables of a dotenv file, to one app or to several, one after the other."""

from __future__ import annotations

from typing import Annotated

import typer

from ownstack import completion
from ownstack.answers import Json
from ownstack.commands.configs import NoDeploy, OnStack, Plain, Review
from ownstack.commands.params import Key, NoWait
from ownstack.configuring import Scope, Wish, came_about, change
from ownstack.exits import Exit, Failure, Silent
from ownstack.giving import STDIN, Dotenv, of_file
from ownstack.naming import named
from ownstack.output import listed
from ownstack.sending import How
from ownstack.session import Session, command

File = Annotated[str, typer.Option("--file", metavar="FILE", help="A dotenv file; `-` is standard input.")]
Apps = Annotated[
    list[str],
    typer.Option(
        "--app", metavar="APP", help="To this app (several times).", autocompletion=completion.apps, callback=named
    ),
]
Literal = Annotated[bool, typer.Option("--literal", help="Leave ${…} in values as it is: expand nothing.")]
Prune = Annotated[bool, typer.Option("--prune", help="Unset what is not in the file.")]


def register(root: typer.Typer) -> None:
    """Put the command into `ownstack` itself."""
    command(root, "config:push")(push)


def push(
    session: Session,
    file: File,
    apps: Apps,
    stack: OnStack = None,
    review: Review = False,
    literal: Literal = False,
    prune: Prune = False,
    plain: Plain = False,
    no_deploy: NoDeploy = False,
    key: Key = None,
    no_wait: NoWait = False,
) -> None:
    """Set the variables that a dotenv file gives, and release what runs again with them: one app after the other.

    It is read as python-dotenv reads it: `${VAR}` and `${VAR:-default}` are what the file says above, or else the
    environment that this command runs in. What --prune has unset is listed.

    Exits with 0 only if it came about for all of them. With --id the id of each command is `ID.APP`.
    """
    scope = Scope(stack, review)
    scope.must_be_one()
    read = of_file(file, literal=literal)
    if read.twice:
        session.output.note(f"{listed(read.twice)}: given more than once in the file; the last value is taken.")
    wish = Wish(read.values, scope, plain=plain, prune=prune, deploy=not no_deploy)
    pushing = _Pushing(session, How(key, not no_wait), wish, _sentence(file, read, wish))
    outcomes = pushing.to_all(list(dict.fromkeys(apps)))
    session.output.document({"file": file, "twice": read.twice, "apps": outcomes})
    raise Silent(_exit_of(outcomes))


def _sentence(file: str, read: Dotenv, wish: Wish) -> str:
    count = "1 variable" if len(read.values) == 1 else f"{len(read.values)} variables"
    others = ", and no others" if wish.prune else ""
    return f"{count} of {'standard input' if file == STDIN else file}, {wish.scope.words}{others}."


class _Pushing:
    """Pushes to one app after the other. Once the server can't be asked, the rest is not tried."""

    def __init__(self, session: Session, how: How, wish: Wish, sentence: str) -> None:
        self._session, self._how = session, how
        self._wish, self._sentence = wish, sentence
        self._away: Failure | None = None

    def to_all(self, apps: list[str]) -> list[Json]:
        """What came of it for each. Ctrl-C: says to which it was not pushed."""
        outcomes, left = list[Json](), list(apps)
        try:
            while left:
                outcomes.append(self._to(left.pop(0)))
        except (Silent, KeyboardInterrupt):
            if left:
                self._session.output.note(f"Not pushed to {', '.join(left)}.")
            raise
        return outcomes

    def _to(self, app: str) -> Json:
        """As `change` says it, with the `error` and the `exit` code."""
        nothing: Json = {"app": app, "command": None, "rollout": None, "kept": None, "queued": None, "unset": None}
        try:
            if self._away is not None:
                raise self._away
            key = self._how.key
            how = self._how._replace(key=None if key is None else f"{key}.{app}")
            outcome = change(self._session, how, app, self._wish, f"{app}: {self._sentence}")
        except Failure as failure:
            return nothing | self._failed(app, failure)
        return outcome | {"error": None, "exit": int(Exit.OK if came_about(outcome) else Exit.FAILED)}

    def _failed(self, app: str, failure: Failure) -> Json:
        if failure.exit_code == Exit.UNAVAILABLE:
            self._away = failure
        if not self._session.output.json:
            self._session.output.fail(_of_app(app, failure))
        return {**failure.document(), "exit": int(failure.exit_code)}


def _of_app(app: str, failure: Failure) -> Failure:
    """Which says of which app it is, where it does not by itself."""
    message = failure.message if failure.code == "app-unknown" else f"{app}: {failure.message}"
    return Failure(failure.code, message, hint=failure.hint, about=failure.about)


def _exit_of(outcomes: list[Json]) -> int:
    """Of all; where they differ, it came about in part."""
    codes = {int(outcome["exit"]) for outcome in outcomes}
    return codes.pop() if len(codes) == 1 else Exit.FAILED
