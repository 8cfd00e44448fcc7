"""`ownstack app clone`: an app like another one, on a stack of its own choice: with its settings, and its config."""

from __future__ import annotations

from typing import Annotated

import typer

from ownstack import completion
from ownstack.answers import Json
from ownstack.commands.params import Key, NoWait
from ownstack.naming import named
from ownstack.paths import segment
from ownstack.sending import How, must, must_have_succeeded, succeeded, watch_jobs, watch_rollout
from ownstack.session import Session, command

Source = Annotated[
    str, typer.Argument(metavar="APP", help="The app to clone.", autocompletion=completion.apps, callback=named)
]
New = Annotated[str, typer.Argument(metavar="NEW", help="What the clone is to be called.", callback=named)]
OnStack = Annotated[
    str,
    typer.Option("--stack", metavar="STACK", help="Where it runs.", autocompletion=completion.stacks, callback=named),
]
Deploy = Annotated[bool, typer.Option("--deploy", help="Deploy the image that the app runs, too.")]
WithoutConfig = Annotated[bool, typer.Option("--without-config", help="Copy no variables.")]
WithSecrets = Annotated[bool, typer.Option("--with-secrets", help="Of a production app, copy the secrets, too.")]


def register(app: typer.Typer) -> None:
    """Put the command into its group."""
    command(app, "clone")(clone)


def clone(
    session: Session,
    app: Source,
    new: New,
    stack: OnStack,
    deploy: Deploy = False,
    without_config: WithoutConfig = False,
    with_secrets: WithSecrets = False,
    key: Key = None,
    no_wait: NoWait = False,
) -> None:
    """Make an app like another one, on a stack: with its settings and its variables.

    Of a production app the secrets are left out, unless --with-secrets; what `config:set --review` says goes before.
    """
    both = "Give either --without-config or --with-secrets."
    must(not (without_config and with_secrets), both, "Or neither of them.")
    body = {"name": new, "stack": stack, "deploy": deploy, "config": not without_config, "secrets": with_secrets}
    how = How(key, not no_wait)
    answer = session.client.answer("POST", f"/apps/{segment(app)}/clones", body, key=key, wait=how.wait)
    outcome: Json = {"app": new, "left_out": [], **answer, "rollout": None}
    _say_left_out(session, app, new, outcome["left_out"])
    if how.wait:
        sentence = f"{new} is a clone of {app}, on {stack}."
        outcome["rollout"] = _watch(session, outcome["command"], new, sentence, deploy=deploy)
    else:
        session.output.say(f"Sent: {answer['command']['type']} {answer['command']['id']}")
    session.output.document(outcome)
    if outcome["rollout"] is not None:
        must_have_succeeded(outcome["rollout"])


def _watch(session: Session, view: Json, new: str, sentence: str, *, deploy: bool) -> Json | None:
    """The rollout, as it ended, if something is deployed; else what is there already was looked at."""
    if not deploy:
        watch_jobs(session, view, sentence)
        return None
    session.output.say(sentence)
    ended = watch_rollout(session, view, new)
    if not succeeded(ended):
        session.output.note(f"{new} is there all the same; to be rid of it: ownstack app destroy {new} --force")
    return ended


def _say_left_out(session: Session, app: str, new: str, names: list[str]) -> None:
    if not names:
        return
    session.output.say(f"Left out, as secrets of production: {', '.join(names)}")
    session.output.note(f"To give {new} a value: ownstack config:set {new} {names[0]}=…")
    session.output.note(f"To give one to all that are made of {app}: ownstack config:set {app} --review {names[0]}=…")
    session.output.note("To copy those of production: --with-secrets")
