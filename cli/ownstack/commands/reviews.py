"""`ownstack app pipeline review-apps`: an app for each open pull request, and what to enter at GitHub for that."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, NamedTuple
from urllib.parse import urlsplit

import typer

from ownstack import completion
from ownstack.answers import Json
from ownstack.commands.params import Key, NoWait, Production
from ownstack.exits import Failure
from ownstack.giving import secret_of
from ownstack.naming import must_be_image, named
from ownstack.output import fields
from ownstack.paths import segment
from ownstack.sending import How, must, send, tell
from ownstack.session import Session

OnStack = Annotated[
    str | None,
    typer.Option("--stack", metavar="STACK", help="Where they run.", autocompletion=completion.stacks, callback=named),
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
    typer.Option("--expires", metavar="TIME", help="Gone so long after the last push: 90m, 36h, 5d or never."),
]
Forks = Annotated[
    bool | None,
    typer.Option("--allow-forks/--no-allow-forks", help="Also for pull requests from forks: anybody can open one."),
]
Secrets = Annotated[
    bool | None, typer.Option("--with-secrets/--no-with-secrets", help="With the secrets of production.")
]
SecretFile = Annotated[
    str | None,
    typer.Option("--secret-file", metavar="FILE", help="The webhook's secret, instead of a new one; `-`: stdin."),
]
NewSecret = Annotated[bool, typer.Option("--new-secret", help="Make a new secret for the webhook, though it has one.")]
Off = Annotated[bool, typer.Option("--off", help="Switch them off; those that are there stay until they are closed.")]

_TIME = re.compile(r"([0-9]{1,6})([mhd])")
_SECONDS = {"m": 60, "h": 3_600, "d": 86_400}
_SHORTEST, _LONGEST = 60, 366 * 86_400
"""How long a review app may be said to live, in seconds."""
_NEVER = "never"
_PLACEHOLDER = re.compile(r"\{[^{}]*\}")
_FILLED_IN = ("{number}", "{sha}", "{short_sha}")
_LOOPBACK = re.compile(r"127(?:\.\d+){3}|localhost|::1")


def review_apps(
    session: Session,
    production: Production,
    stack: OnStack = None,
    image: Image = None,
    expires: Expires = None,
    allow_forks: Forks = None,
    with_secrets: Secrets = None,
    secret_file: SecretFile = None,
    new_secret: NewSecret = False,
    off: Off = False,
    key: Key = None,
    no_wait: NoWait = False,
) -> None:
    """Give pull requests review apps of a production app, as GitHub's webhook tells of them; or change how.

    To switch them on, give --stack and --image; once they are on, what is not given stays as it is. Prints what to
    enter at GitHub. The secret of the webhook is made if there is none, and shown once.
    """
    how = How(key, not no_wait)
    wish = _wish(stack, image, expires, allow_forks, with_secrets)
    if off:
        hint = f"ownstack app pipeline review-apps {production} --off"
        must(not (wish or secret_file or new_secret), "Nothing else is given with --off.", hint)
        _switch_off(session, how, production)
        return
    must(wish or secret_file or new_secret, "Give --stack and --image, or what is to change, or --off.", _EXAMPLE)
    must(not (secret_file and new_secret), "Give either --secret-file or --new-secret.", _EXAMPLE)
    secret = None if secret_file is None else _own_secret(secret_file)
    _switch_on(session, how, production, wish, _Secret(secret, new=new_secret))


class _Secret(NamedTuple):
    """What the webhook is to be signed with. own: what was given; None: that which it has, or (new) a new one."""

    own: str | None
    new: bool


def _wish(stack: str | None, image: str | None, expires: str | None, forks: bool | None, secrets: bool | None) -> Json:
    """What is given, as the API wants it. Raises a usage Failure for what makes no sense."""
    if image is not None:
        _must_be_template(image)
    given = {"stack": stack, "image": image, "forks": forks, "secrets": secrets}
    lifetime = {} if expires is None else {"expires": None if expires == _NEVER else seconds_of(expires)}
    return {name: value for name, value in given.items() if value is not None} | lifetime


def _must_be_template(image: str) -> None:
    """Raises a usage Failure for a placeholder that is none, and for what makes no image once it is filled in."""
    unknown = [found for found in _PLACEHOLDER.findall(image) if found not in _FILLED_IN]
    known = "Those that are filled in: {number}, {sha} and {short_sha}."
    must(not unknown, f"{', '.join(unknown)} in --image is no placeholder.", known)
    must_be_image(_PLACEHOLDER.sub("1", image))


def _switch_on(session: Session, how: How, production: str, wish: Json, secret: _Secret) -> None:
    """Send what is wished, completed by what is; nothing, if only a secret is to be made."""
    present = _present(session, production)
    body = _OFF | (present or {}) | wish
    must("stack" in body and "image" in body, f"{production} has none yet: give --stack and --image.", _EXAMPLE)
    view = _send(session, how, "PUT", production, body) if wish else None
    if view is not None and not how.wait:
        tell(session, how, view, "")
        return
    session.output.say(f"Pull requests get review apps of {production} on {body['stack']}: {production}-pr-NUMBER.")
    webhook = _webhook(session, production, secret)
    _show(session, webhook, given=secret.own is not None)
    session.output.document({"command": view, "webhook": webhook})


_OFF: Json = {"expires": None, "forks": False, "secrets": False}
"""What is not said of review apps that are not switched on."""


def _present(session: Session, production: str) -> Json | None:
    """How pull requests get review apps now, as it is sent; None: they get none."""
    with _explained(session, production):
        found: Json | None = session.client.get(_pipeline(production)).get("review_apps")
    return None if found is None else {name: found[name] for name in ("stack", "image", *_OFF)}


def _send(session: Session, how: How, method: str, production: str, body: Json | None = None) -> Json:
    with _explained(session, production):
        return send(session, how, method, f"{_pipeline(production)}/review-apps", body)


@contextmanager
def _explained(session: Session, production: str) -> Iterator[None]:
    """Failures say why there is no such pipeline, where there is none, and how what is kept is given up."""
    try:
        yield
    except Failure as failure:
        if failure.code == "pipeline-unknown":
            _explain(session, production, failure)
        if failure.code == "secrets-for-forks":
            own = f"ownstack config:set {production} --review KEY=VALUE"
            failure.hint = f"--no-with-secrets or --no-allow-forks. Values of their own: {own}"
        raise


def _explain(session: Session, app: str, failure: Failure) -> None:
    """Why there is no such pipeline: there is no such app, which is raised, or it is a stage of another's."""
    pipeline = session.client.get(f"/apps/{segment(app)}")["pipeline"]
    if pipeline is None:
        failure.message, failure.hint = f"{app} has no pipeline.", f"ownstack app pipeline create {app}"
    elif pipeline != app:
        failure.message = f"{app} is a stage of {pipeline}: review apps are made of the production app."
        failure.hint = f"ownstack app pipeline review-apps {pipeline} …"


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
    must(found, f"{text!a} is no time.", "--expires 90m, 36h, 5d or never")
    assert found is not None
    seconds = int(found[1]) * _SECONDS[found[2]]
    must(seconds >= _SHORTEST, f"{text} is too short: at least 1m.", "--expires 90m, 36h, 5d or never")
    must(seconds <= _LONGEST, f"{text} is too long: at most 366d.", "--expires 90m, 36h, 5d or never")
    return seconds


def _pipeline(production: str) -> str:
    return f"/pipelines/{segment(production)}"


def _switch_off(session: Session, how: How, production: str) -> None:
    view = _send(session, how, "DELETE", production)
    done = f"Pull requests get no review apps of {production} any more. Its webhook still closes those that are there."
    tell(session, how, view, done)


def _webhook(session: Session, production: str, secret: _Secret) -> Json:
    """Its `url`, and its `secret` if it is another one now."""
    path = f"{_pipeline(production)}/webhook"
    known = session.client.get(path)
    if secret.own is None and known["exists"] and not secret.new:
        return {"url": known["url"], "secret": None}
    made = session.client.post(path, {} if secret.own is None else {"secret": secret.own})
    return {"url": made["url"], "secret": made["secret"] if secret.own is None else None}


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
