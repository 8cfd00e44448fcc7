"""`ownstack config` and `ownstack config:…`: the variables that an app runs with. Only `config:get` shows a value."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from ownstack import completion
from ownstack.answers import Json
from ownstack.commands.params import App, Key, NoWait
from ownstack.configuring import Scope, Wish, came_about, change, told
from ownstack.configview import difference, on_stack, show_config, show_difference
from ownstack.exits import Exit, Failure, Silent
from ownstack.giving import names, of_words
from ownstack.naming import named
from ownstack.output import safe
from ownstack.paths import segment
from ownstack.sending import How, must
from ownstack.session import Session, command

OnStack = Annotated[
    str | None,
    typer.Option(
        "--stack",
        metavar="STACK",
        help="On this stack alone: there it goes before the value for all.",
        autocompletion=completion.stacks,
        callback=named,
    ),
]
Review = Annotated[bool, typer.Option("--review", help="For review apps and clones that are made of it.")]
Plain = Annotated[
    bool,
    typer.Option("--plain", help="No secret: clones of a production app have it. It is encrypted all the same."),
]
NoDeploy = Annotated[bool, typer.Option("--no-deploy", help="Keep it for the next release, and release nothing now.")]
Stdin = Annotated[bool, typer.Option("--stdin", help="Read the value of the one KEY without one from standard input.")]
Words = Annotated[
    list[str], typer.Argument(metavar="KEY=VALUE…", help="The variables.", autocompletion=completion.variables_to_set)
]
Names = Annotated[list[str], typer.Argument(metavar="KEY…", help="Names.", autocompletion=completion.variables)]
Name = Annotated[str, typer.Argument(metavar="KEY", help="The name.", autocompletion=completion.variables)]
One = Annotated[str, typer.Argument(metavar="A", help="An app.", autocompletion=completion.apps, callback=named)]
Other = Annotated[
    str, typer.Argument(metavar="B", help="The other one.", autocompletion=completion.apps, callback=named)
]
ThatOn = Annotated[
    str | None,
    typer.Option(
        "--stack", metavar="STACK", help="What it has on this stack.", autocompletion=completion.stacks, callback=named
    ),
]


def register(root: typer.Typer) -> None:
    """Put the commands into `ownstack` itself."""
    command(root, "config")(config)
    command(root, "config:set")(set_)
    command(root, "config:unset")(unset)
    command(root, "config:get")(get)
    command(root, "config:diff")(diff)


def meant(words: Sequence[str]) -> str | None:
    """What somebody wanted who typed `ownstack config set`, as elsewhere; None: something else."""
    if len(words) < 2 or words[0] != "config" or words[1] not in ("set", "unset", "get", "push", "diff"):
        return None
    return f"ownstack config:{words[1]} --help"


def config(session: Session, app: App, stack: ThatOn = None) -> None:
    """The variables of an app: for which stacks, secret or plain, who set them, and when. Values are not shown.

    Equal fingerprints are of equal values, in all apps of the team.
    """
    found = _config_of(session, app)
    everything = found["variables"]
    if stack is not None:
        _must_be_on(session, stack, app)
        found = {**found, "variables": on_stack(everything, stack)}
    show_config(session, app, stack, everything)
    session.output.document(found)


def _config_of(session: Session, app: str) -> Json:
    try:
        return session.client.get(f"/apps/{segment(app)}/config")
    except Failure as failure:
        if failure.code == "app-unknown":
            failure.hint = meant(("config", app)) or failure.hint
        raise


def _must_be_on(session: Session, stack: str, *apps: str) -> None:
    """Whoever asks about a stack that none of the apps is on has mistyped it."""
    on = {found["stack"] for app in apps for found in session.client.get(f"/apps/{segment(app)}")["stacks"]}
    must(stack in on, f"{' and '.join(apps)} {'is' if len(apps) == 1 else 'are'} not on {stack!a}.", _stacks(on))


def _stacks(on: set[str]) -> str:
    return f"--stack {' or '.join(sorted(on)[:5])}" if on else "Leave out --stack."


def set_(
    session: Session,
    app: App,
    words: Words,
    stdin: Stdin = False,
    stack: OnStack = None,
    review: Review = False,
    plain: Plain = False,
    no_deploy: NoDeploy = False,
    key: Key = None,
    no_wait: NoWait = False,
) -> None:
    """Set variables of an app, and release what runs again with them.

    What stands on the command line stays in the history of the shell: `config:set APP KEY --stdin` reads the value.
    """
    scope = Scope(stack, review)
    scope.must_be_one()
    values = of_words(app, words, stdin=stdin)
    wish = Wish(values, scope, plain=plain, deploy=not no_deploy)
    _change(session, How(key, not no_wait), app, wish, told("set", list(values), app, scope))


def unset(
    session: Session,
    app: App,
    words: Names,
    stack: OnStack = None,
    review: Review = False,
    no_deploy: NoDeploy = False,
    key: Key = None,
    no_wait: NoWait = False,
) -> None:
    """Unset variables of an app, and release what runs again without them."""
    scope = Scope(stack, review)
    scope.must_be_one()
    gone = names(words)
    wish = Wish(dict.fromkeys(gone), scope, deploy=not no_deploy)
    _change(session, How(key, not no_wait), app, wish, told("unset", gone, app, scope))


def _change(session: Session, how: How, app: str, wish: Wish, sentence: str) -> None:
    outcome = change(session, how, app, wish, sentence)
    session.output.document(outcome)
    if not came_about(outcome):
        raise Silent(Exit.FAILED)


def get(session: Session, app: App, name: Name, stack: ThatOn = None, review: Review = False) -> None:
    """Print the value of a variable, alone: for all stacks, or as it is on one."""
    scope = Scope(stack, review)
    scope.must_be_one()
    (name,) = names([name])
    query = {"stack": stack, "review": "true" if review else None}
    found = session.client.get(f"/apps/{segment(app)}/config/{name}", **query)
    _print(session, str(found["value"]))
    session.output.document(found)


def _print(session: Session, value: str) -> None:
    """As it is; on a terminal nothing in it is obeyed."""
    if session.output.json:
        return
    lines = value.split("\n")
    text = "\n".join(safe(line) for line in lines) if sys.stdout.isatty() else value
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def diff(session: Session, a: One, b: Other, stack: ThatOn = None) -> None:
    """Compare the variables of two apps by their fingerprints, without a value being decrypted.

    Compares what they have for all stacks, or with --stack what each has there. Exits with 0 if they are equal, and
    with 1 if they differ, as diff(1) does.
    """
    variables = [session.client.get(f"/apps/{segment(app)}/config")["variables"] for app in (a, b)]
    if stack is not None:
        _must_be_on(session, stack, a, b)
    found = difference(*(_fingerprints(of_one, stack) for of_one in variables))
    show_difference(session, a, b, found)
    if stack is None:
        _say_of_stacks(session, dict(zip((a, b), variables, strict=True)))
    session.output.document({"a": a, "b": b, "stack": stack, **found._asdict()})
    if not found.is_none:
        raise Silent(Exit.FAILED)


def _fingerprints(variables: list[Json], stack: str | None) -> dict[str, str]:
    shared = [v for v in variables if v["stack"] is None and not v["review"]]
    chosen = shared if stack is None else on_stack(variables, stack)
    return {variable["name"]: variable["fingerprint"] for variable in chosen}


def _say_of_stacks(session: Session, by_app: dict[str, list[Json]]) -> None:
    for app, variables in by_app.items():
        stacks = sorted({str(v["stack"]) for v in variables if v["stack"] is not None})
        if stacks:
            session.output.note(f"{app} has values of its own on {', '.join(stacks)}, not compared here: --stack")
