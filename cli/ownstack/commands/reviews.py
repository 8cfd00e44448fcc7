"""`ownstack app pipeline review-apps`: an app for each open pull request, and what to enter at GitHub for that."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import urlsplit

import typer

from ownstack import completion
from ownstack.answers import Json
from ownstack.commands.params import Key, NoWait, Production
from ownstack.giving import secret_of
from ownstack.output import fields
from ownstack.paths import segment
from ownstack.sending import How, must, send, tell
from ownstack.session import Session

OnStack = Annotated[
    str | None,
    typer.Option("--stack", metavar="STACK", help="Where they run.", autocompletion=completion.stacks),
]
Image = Annotated[
    str | None,
    typer.Option(
        "--image",
        metavar="TEMPLATE",
        help="Their image: a reference with a tag, in which {number}, {sha} and {short_sha} are filled in.",
    ),
]
Expires = Annotated[
    str | None,
    typer.Option("--expires", metavar="TIME", help="Gone so long after its last deployment: 90m, 36h or 5d."),
]
Forks = Annotated[bool, typer.Option("--allow-forks", help="Also for pull requests from forks: anybody can open one.")]
Secrets = Annotated[bool, typer.Option("--with-secrets", help="With the secrets of production.")]
SecretFile = Annotated[
    str | None,
    typer.Option("--secret-file", metavar="FILE", help="The webhook's secret, instead of a new one; `-`: stdin."),
]
NewSecret = Annotated[bool, typer.Option("--new-secret", help="Make a new secret for the webhook, though it has one.")]
Off = Annotated[bool, typer.Option("--off", help="Switch them off; those that are there stay until they are closed.")]

_TIME = re.compile(r"([0-9]{1,6})([mhd])")
_SECONDS = {"m": 60, "h": 3_600, "d": 86_400}
"""How many characters a secret of one's own has: it is what tells GitHub from everybody else."""
_LOOPBACK = re.compile(r"127(?:\.\d+){3}|localhost|::1")


def review_apps(
    session: Session,
    production: Production,
    stack: OnStack = None,
    image: Image = None,
    expires: Expires = None,
    allow_forks: Forks = False,
    with_secrets: Secrets = False,
    secret_file: SecretFile = None,
    new_secret: NewSecret = False,
    off: Off = False,
    key: Key = None,
    no_wait: NoWait = False,
) -> None:
    """Give pull requests review apps of a production app, as GitHub's webhook tells of them; or change how.

    Prints what to enter at GitHub. The secret of the webhook is made if there is none, and shown once.
    """
    how = How(key, not no_wait)
    given = (stack, image, expires, secret_file, allow_forks or None, with_secrets or None, new_secret or None)
    if off:
        must(
            not any(given), "Nothing else is given with --off.", f"ownstack app pipeline review-apps {production} --off"
        )
        _switch_off(session, how, production)
        return
    must(stack and image, "Give --stack and --image, or --off.", _EXAMPLE)
    must(not (secret_file and new_secret), "Give either --secret-file or --new-secret.", _EXAMPLE)
    secret = None if secret_file is None else _own_secret(secret_file)
    body: Json = {"stack": stack, "image": image, "forks": allow_forks, "secrets": with_secrets}
    if expires is not None:
        body["expires"] = seconds_of(expires)
    view = send(session, how, "PUT", f"{_pipeline(production)}/review-apps", body)
    if no_wait:
        tell(session, how, view, "")
        return
    session.output.say(f"Pull requests get review apps of {production} on {stack}: {production}-pr-NUMBER.")
    webhook = _webhook(session, production, secret, new_secret)
    _show(session, webhook, given=secret is not None)
    session.output.document({"command": view, "webhook": webhook})


def _own_secret(file: str) -> str:
    from ownstack_contracts.reviews import (  # noqa: PLC0415 - most of what is typed does without
        LONGEST_SECRET,
        SHORTEST_SECRET,
        is_webhook_secret,
    )

    secret = secret_of(file)
    wanted = f"A secret has {SHORTEST_SECRET} to {LONGEST_SECRET} printable characters of ASCII."
    must(is_webhook_secret(secret), wanted, "openssl rand -hex 32")
    return secret


_EXAMPLE = "--stack review-stack --image 'ghcr.io/org/app:pr-{number}-{sha}'"


def seconds_of(text: str) -> int:
    """A time as it is typed (`90m`, `36h`, `5d`), in seconds. Raises a usage Failure."""
    found = _TIME.fullmatch(text)
    must(found, f"{text!a} is no time.", "--expires 90m, 36h or 5d")
    assert found is not None
    return int(found[1]) * _SECONDS[found[2]]


def _pipeline(production: str) -> str:
    return f"/pipelines/{segment(production)}"


def _switch_off(session: Session, how: How, production: str) -> None:
    view = send(session, how, "DELETE", f"{_pipeline(production)}/review-apps")
    done = f"Pull requests get no review apps of {production} any more. Its webhook still closes those that are there."
    tell(session, how, view, done)


def _webhook(session: Session, production: str, secret: str | None, new: bool) -> Json:
    """Its `url`, and its `secret` if it is another one now."""
    path = f"{_pipeline(production)}/webhook"
    known = session.client.get(path)
    if secret is None and known["exists"] and not new:
        return {"url": known["url"], "secret": None}
    made = session.client.post(path, {} if secret is None else {"secret": secret})
    return {"url": made["url"], "secret": made["secret"] if secret is None else None}


def _show(session: Session, webhook: Json, *, given: bool) -> None:
    """What to enter at GitHub."""
    known = "the one that you gave" if given else "the one that it has; another one: --new-secret"
    session.output.say("At GitHub, in the settings of the repository, under Webhooks:")
    session.output.show(
        fields(
            [
                ("  Payload URL", webhook["url"]),
                ("  Content type", "application/json"),
                ("  Secret", webhook["secret"] or known),
                ("  Events", "Let me select individual events: Pull requests"),
            ]
        )
    )
    if webhook["secret"]:
        session.output.note("The secret is shown once: it is not kept where it could be read again.")
    if _LOOPBACK.fullmatch(urlsplit(webhook["url"]).hostname or ""):
        session.output.note("GitHub can't reach this address: use that by which this server is reached from outside.")
