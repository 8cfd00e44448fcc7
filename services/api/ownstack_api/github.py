"""What GitHub delivers: who signed it, which delivery it is, and what its payload says of a pull request.

https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
https://docs.github.com/en/webhooks/webhook-events-and-payloads#pull_request
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, StringConstraints, ValidationError
from starlette.datastructures import Headers

from ownstack_api.bodies import MEDIA_TYPE
from ownstack_api.problems import Problem, invalid
from ownstack_contracts.reviews import CommitSha, PullRequest
from ownstack_vault import Hook

SIGNATURE = "X-Hub-Signature-256"
DELIVERY = "X-GitHub-Delivery"
EVENT = "X-GitHub-Event"

_SIGNATURE = re.compile(r"sha256=[0-9a-f]{64}", re.ASCII)
_DELIVERY = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)
_EVENT = re.compile(r"[a-z][a-z_]{0,63}", re.ASCII)
_NO_LOGIN = re.compile(r"[^A-Za-z0-9._\[\]-]", re.ASCII)
_MOST_LOGIN = 100

_NOBODY = secrets.token_urlsafe(32)
"""Signs nothing: tried where there is nothing to try, which then takes as long as if there were."""


def check_media_type(headers: Headers) -> None:
    """Raises Problem, 415, if the payload is not sent as JSON itself: GitHub can put it into a form, too."""
    given = headers.getlist("content-type")
    if len(given) != 1 or given[0].partition(";")[0].strip().lower() != MEDIA_TYPE:
        detail = f"The payload must be sent as {MEDIA_TYPE}, and not in a form."
        raise Problem(415, "not-json-type", detail, hint=f"Set the content type of the webhook to {MEDIA_TYPE}.")


def signature_of(headers: Headers) -> str:
    """The signature, as it must look. Raises Problem, 401: there is none, or another kind."""
    given = headers.getlist(SIGNATURE)
    if len(given) != 1 or _SIGNATURE.fullmatch(given[0]) is None:
        raise unsigned()
    return given[0]


def unsigned() -> Problem:
    """What is said of all that is not signed by whom it has to be, whatever is wrong."""
    detail = f"The body is not signed, in {SIGNATURE}, with the secret of a webhook that is known here."
    hint = "ownstack app pipeline review-apps APP --new-secret gives a URL and a secret: enter both at GitHub."
    return Problem(401, "signature-invalid", detail, hint=hint, headers={"WWW-Authenticate": SIGNATURE})


def sign(secret: str, body: bytes) -> str:
    """The signature of `body`, as GitHub writes it."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def signers(hooks: Sequence[Hook], body: bytes, signature: str) -> list[Hook]:
    """Those of `hooks` whose secret has signed `body`. All are tried: how long it takes says nothing of which."""
    wanted = signature.encode()
    if not hooks:
        hmac.compare_digest(sign(_NOBODY, body).encode(), wanted)
    tried = [(hook, hmac.compare_digest(sign(hook.secret, body).encode(), wanted)) for hook in hooks]
    return [hook for hook, has_signed in tried if has_signed]


def delivery_of(headers: Headers) -> str:
    """The id of the delivery: the same when GitHub delivers again. Raises Problem, 400."""
    given = headers.getlist(DELIVERY)
    if len(given) != 1 or _DELIVERY.fullmatch(given[0]) is None:
        raise Problem(400, "delivery-id-invalid", f"{DELIVERY} must be there once, and be a UUID, as GitHub sends it.")
    return given[0].lower()


def event_of(headers: Headers) -> str:
    """What has happened. Raises Problem, 400."""
    given = headers.getlist(EVENT)
    if len(given) != 1 or _EVENT.fullmatch(given[0]) is None:
        raise Problem(400, "event-invalid", f"{EVENT} must be there once, and name an event, as GitHub sends it.")
    return given[0]


def _is_of_our_time(moment: AwareDatetime) -> AwareDatetime:
    if moment.timestamp() < 0:
        raise ValueError("it is before 1970")
    return moment


class _Payload(BaseModel):
    """Read leniently, as GitHub adds fields when it likes; and never shown."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True, frozen=True)


class _Repository(_Payload):
    full_name: str


class _Head(_Payload):
    sha: CommitSha
    repo: _Repository | None
    """None: it is not there any more."""


class _Base(_Payload):
    repo: _Repository


class _PullRequest(_Payload):
    number: PullRequest
    state: Literal["open", "closed"]
    updated_at: Annotated[AwareDatetime, AfterValidator(_is_of_our_time)]
    head: _Head
    base: _Base


class _Sender(_Payload):
    login: str


class _Action(_Payload):
    action: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z_]{0,63}$")]


class Change(_Action):
    """What has happened to a pull request."""

    pull_request: _PullRequest
    sender: _Sender | None = None

    @property
    def at(self) -> int:
        """When the pull request was as it says, in ms since the epoch. GitHub counts whole seconds."""
        moment = self.pull_request.updated_at
        return int(moment.timestamp()) * 1_000 + moment.microsecond // 1_000

    @property
    def is_of_fork(self) -> bool:
        """Whether it comes from another repository, or from one that is gone, as only a fork can be."""
        head = self.pull_request.head.repo
        return head is None or head.full_name != self.pull_request.base.repo.full_name

    @property
    def actor(self) -> str:
        """Who did it, as the history names them."""
        login = "" if self.sender is None else _NO_LOGIN.sub("", self.sender.login)[:_MOST_LOGIN]
        return f"github:{login}" if login else "github"


HANDLED = ("opened", "reopened", "synchronize", "closed")
"""What of pull requests is of interest here."""


def change_of(body: bytes) -> Change | str:
    """What the payload of a `pull_request` event says; a text: the action, if it is none of HANDLED.

    Raises Problem: 400 if it is no JSON, 422 if it has another shape.
    """
    payload = _parsed(body)
    try:
        action = _Action.model_validate(payload).action
        return Change.model_validate(payload) if action in HANDLED else action
    except ValidationError as error:
        raise invalid(error.errors(include_url=False, include_input=False), ("body",)) from None


def _parsed(body: bytes) -> Any:
    """A lone surrogate in a title is no reason to refuse: it is not what is looked at."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise Problem(400, "not-json", "The payload is not JSON.") from None
