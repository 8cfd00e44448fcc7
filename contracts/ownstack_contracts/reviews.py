"""Review apps: an app for each open pull request, made of a production app, and gone with the pull request."""

from __future__ import annotations

import hashlib
import re
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints

from ownstack_contracts.config import ConfigValues
from ownstack_contracts.message import Command, Fact
from ownstack_contracts.names import AppName, Identifier, ImageReference, Milliseconds, StackName, parse_image

PullRequest = Annotated[int, Field(ge=1, le=2**31 - 1)]
"""The number of a pull request."""

CommitSha = Annotated[str, StringConstraints(pattern=r"^(?:[0-9a-f]{40}|[0-9a-f]{64})$")]
"""A commit of git."""

Lifetime = Annotated[int, Field(ge=60, le=366 * 24 * 3600)]
"""How long a review app lives after the last push to its pull request: whole seconds, from a minute to a year."""

_PLACEHOLDER = re.compile(r"\{([a-z_]+)\}")


def image_for(template: str, number: int, sha: str) -> str:
    """The image of a pull request: `template` with {number}, {sha} and {short_sha} (its first 7) filled in."""
    values = {"number": str(number), "sha": sha, "short_sha": sha[:7]}
    return _PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), template)


def _is_template(template: str) -> str:
    image = image_for(template, 2**31 - 1, "0" * 64)
    if image == template:
        raise ValueError("it names the same image for every pull request: put {number}, {sha} or {short_sha} into it")
    if parse_image(image).tag is None or parse_image(image).digest is not None:
        raise ValueError("it is an image with a tag, such as ghcr.io/org/app:pr-{number}-{sha}")
    return template


ImageTemplate = Annotated[str, StringConstraints(max_length=400), AfterValidator(_is_template)]
"""An image reference with a tag, in which {number}, {sha} and {short_sha} stand for those of the pull request."""

SHORTEST_SECRET, LONGEST_SECRET = 16, 256
"""Characters of the secret that webhooks are signed with."""


def is_webhook_secret(secret: str) -> bool:
    """Whether webhooks can be signed with it: printable ASCII, which no form and no file writes another way."""
    return SHORTEST_SECRET <= len(secret) <= LONGEST_SECRET and secret.isascii() and secret.isprintable()


LONGEST_PRODUCTION = 63 - len("-pr-2147483647")
"""How long the name of an app with review apps may be: theirs is longer."""


def review_app(production: str, number: int) -> str:
    """The name of the review app of a pull request."""
    return f"{production}-pr-{number}"


def clone_id(app: str, command: str) -> str:
    """The id of the creation of `app` by the command with this id: known before it is admitted, so that values can be
    sealed for it."""
    return f"{app}.c{hashlib.sha256(f'{app}/{command}'.encode()).hexdigest()[:16]}"


class AppCloned(Command):
    """`app` exists on `stack`, with the settings of `source` and with these variables; with `deploy`, its image too.

    app_id: `<app>.c`, and the first 16 hexadecimal digits of SHA-256 over `<app>/<id of the command>`.
    """

    source: AppName
    app: AppName
    app_id: Identifier
    stack: StackName
    values: ConfigValues = Field(default_factory=dict)
    deploy: bool = False


class ReviewAppsEnabled(Command):
    """Pull requests get review apps of `production` on `stack`, with the image that `image` says.

    expires: seconds after the last push (the last `ReviewAppOpened`) a review app goes by itself; absent: it goes with
    its pull request. forks: whether pull requests from forks get one, too. secrets: whether the secrets of production
    are copied.
    """

    production: AppName
    stack: StackName
    image: ImageTemplate
    expires: Lifetime | None = None
    forks: bool = False
    secrets: bool = False


class ReviewAppsDisabled(Command):
    """Pull requests get review apps of `production` no more; those that are there stay until closed or expired."""

    production: AppName


class ReviewAppOpened(Command):
    """A pull request wants its review app: it is made if there is none, and its image is deployed.

    at: when the pull request was in this state (ms since the epoch); what is older than what is known is refused.
    fork: whether it comes from a fork. app_id: as of `AppCloned`.
    """

    production: AppName
    number: PullRequest
    sha: CommitSha
    at: Milliseconds
    app_id: Identifier
    fork: bool = False
    values: ConfigValues = Field(default_factory=dict)


class ReviewAppClosed(Command):
    """A pull request is closed: its review app is destroyed, once nothing of it is under way."""

    production: AppName
    number: PullRequest
    at: Milliseconds


class ReviewAppUpdated(Fact):
    """`app` is the review app of this pull request, at this commit. expires_at: when it goes by itself."""

    production: AppName
    app: AppName
    app_id: Identifier
    number: PullRequest
    sha: CommitSha
    at: Milliseconds
    image: ImageReference
    expires_at: Milliseconds | None = None


class ReviewAppExpired(Fact):
    """The lifetime of a review app has passed: it is destroyed, once nothing of it is under way."""

    production: AppName
    app: AppName
    number: PullRequest
