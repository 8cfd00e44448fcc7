"""`ownstack deploy`, `retry` and `rollback`: an image on the stacks of an app, one more attempt, an older release."""

from __future__ import annotations

from typing import Annotated

import typer

from ownstack import completion
from ownstack.answers import Json
from ownstack.commands.params import App, Key, NoWait, OneStack, Redeploy, Stacks
from ownstack.exits import Failure
from ownstack.naming import must_be_image
from ownstack.paths import segment
from ownstack.sending import (
    How,
    follow_retry,
    follow_rollout,
    must,
    must_have_succeeded,
    release_number,
    send,
    tell,
    watch_rollout,
)
from ownstack.session import Session, command

Image = Annotated[str, typer.Option("--image", metavar="REF", help="The image: repo:tag, or repo@sha256:…")]
Postdeploy = Annotated[bool, typer.Option("--postdeploy", help="The post-deploy script, not a stack.")]
To = Annotated[
    str | None,
    typer.Option(
        "--to",
        metavar="vN",
        help="This release, not the one that was live before.",
        autocompletion=completion.releases,
    ),
]
Acknowledge = Annotated[
    bool,
    typer.Option("--acknowledge-migrations", help="Although release tasks have run since, which this does not undo."),
]


def register(root: typer.Typer) -> None:
    """Put the commands into `ownstack` itself."""
    command(root, "deploy")(deploy)
    command(root, "retry")(retry)
    command(root, "rollback")(rollback)


def deploy(
    session: Session,
    app: App,
    image: Image,
    stacks: Stacks = None,
    redeploy: Redeploy = False,
    key: Key = None,
    no_wait: NoWait = False,
) -> None:
    """Release an image on the stacks of an app."""
    must_be_image(image)
    body: dict[str, object] = {"image": image, "redeploy": redeploy}
    if stacks:
        body["stacks"] = stacks
    how = How(key, not no_wait)
    view = send(session, how, "POST", f"/apps/{segment(app)}/deployments", body)
    follow_rollout(session, how, view, app)


def retry(
    session: Session,
    app: App,
    stack: OneStack = None,
    postdeploy: Postdeploy = False,
    key: Key = None,
    no_wait: NoWait = False,
) -> None:
    """Try again what did not succeed: the deployment on a stack, or the post-deploy script."""
    must((stack is None) == postdeploy, "Give either --stack or --postdeploy.", f"ownstack retry {app} --stack STACK")
    how = How(key, not no_wait)
    body: dict[str, object] = {"postdeploy": True} if stack is None else {"stack": stack}
    view = send(session, how, "POST", f"/apps/{segment(app)}/retries", body)
    follow_retry(session, how, view, app)


def rollback(
    session: Session,
    app: App,
    to: To = None,
    stacks: Stacks = None,
    acknowledge_migrations: Acknowledge = False,
    key: Key = None,
    no_wait: NoWait = False,
) -> None:
    """Release again what an older release of an app was: as a new release, with the old image.

    The config stays as it is now.
    """
    body: Json = {"acknowledge_migrations": acknowledge_migrations}
    if to is not None:
        body["release"] = release_number(to, "--to v12")
    if stacks:
        body["stacks"] = stacks
    how = How(key, not no_wait)
    view = _send_rollback(session, how, app, body)
    if no_wait:
        tell(session, how, view, "")
        return
    ended = watch_rollout(session, view, app)
    session.output.say(f"The config of {app} stays as it is now: a roll back takes back the image alone.")
    session.output.document(ended)
    must_have_succeeded(ended)


def _send_rollback(session: Session, how: How, app: str, body: Json) -> Json:
    """Whoever finds nothing to roll back to may have meant the config, of which no release is rolled back to."""
    try:
        return send(session, how, "POST", f"/apps/{segment(app)}/rollbacks", body)
    except Failure as failure:
        if failure.code == "nothing-to-roll-back-to" and _has_changed_its_config(session, app):
            other = f"A change of config is taken back by another one: ownstack config:set {app} KEY=VALUE"
            failure.hint = ". ".join(filter(None, (failure.hint, other)))
        raise


def _has_changed_its_config(session: Session, app: str) -> bool:
    newest = session.client.get(f"/apps/{segment(app)}/releases", limit=50)["items"]
    return any(release["origin"] == "config" for release in newest)
