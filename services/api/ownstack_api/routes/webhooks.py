"""Webhooks: what GitHub tells of pull requests. No token: it signs with the secret of a pipeline's webhook."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query, Request
from pydantic import BaseModel, ConfigDict
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from ownstack_api import github
from ownstack_api.auth import Who
from ownstack_api.limits import Bounds
from ownstack_api.openapi import problems
from ownstack_api.outcomes import rejected
from ownstack_api.parts import House, Parts
from ownstack_api.problems import Problem
from ownstack_api.publishing import Keys
from ownstack_api.reviewing import command_id, review
from ownstack_api.routes.common import name_of
from ownstack_api.tracing import traceparent_of
from ownstack_contracts.names import AppName, TeamName
from ownstack_contracts.tracing import WORK
from ownstack_readmodel.views import CommandView
from ownstack_vault import Hook, SecretUnreadable, VaultUnusable

PATH = "/webhooks/github"
BOUNDS = Bounds(1024 * 1024, 10.0)
"""Of a delivery. GitHub itself gives up after 10 s."""
MOST_AT_ONCE = 64
"""Deliveries under way: strangers can't have more than that many bodies kept in memory."""

routes = APIRouter(tags=["webhooks"], generate_unique_id_function=name_of)


class Delivered(BaseModel):
    """What came of a delivery. reason: why nothing was done. command: what was proposed, and where it stands."""

    model_config = ConfigDict(frozen=True)

    outcome: Literal["pong", "ignored", "proposed"]
    reason: str | None = None
    command: CommandView | None = None


_UNREADABLE = "The secrets of webhooks can't be read."

_DELIVERY: dict[str, Any] = {
    "status_code": 202,
    "response_model": Delivered,
    "response_description": "It is durable, or ignored: `reason` says why.",
    "responses": {
        200: {"model": Delivered, "description": "It was a ping, or is admitted already."},
        **problems(400, 401, 403, 408, 409, 413, 415, 422, 503),
    },
    "openapi_extra": {
        "requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}
    },
}


@routes.post(PATH, **_DELIVERY)
async def github_delivery(
    request: Request,
    house: House,
    team: Annotated[TeamName | None, Query(description="Only webhooks of this team are tried.")] = None,
    app: Annotated[AppName | None, Query(description="Only that of this production app is tried.")] = None,
    _signature: Annotated[str | None, Header(alias=github.SIGNATURE, description="Over the body as it is.")] = None,
    _delivery: Annotated[str | None, Header(alias=github.DELIVERY, description="Delivered again: the same.")] = None,
    _event: Annotated[str | None, Header(alias=github.EVENT, description="`ping`, `pull_request`.")] = None,
) -> Response:
    """Take a delivery of GitHub: a pull request that opens, changes or closes has its review app opened or closed."""
    github.check_media_type(request.headers)
    body = await request.body()
    hook = await _signer(house, team, app, body, github.signature_of(request.headers))
    WORK.set(WORK.get()._replace(team=hook.team))
    delivery, event = github.delivery_of(request.headers), github.event_of(request.headers)
    if event == "ping":
        return _told(200, Delivered(outcome="pong"))
    change = github.change_of(body) if event == "pull_request" else None
    if change is None:
        return _ignored(f"Nothing is done about {event} events.")
    if isinstance(change, str):
        return _ignored(f"Nothing is done about a pull request that is {change}.")
    keys = Keys(command_id(delivery, hook.production), traceparent_of(request.headers))
    became = await review(house, Who(hook.team, "", change.actor), hook.production, change, keys)
    return _ignored(became) if isinstance(became, str) else _proposed(became)


async def _signer(parts: Parts, team: str | None, app: str | None, body: bytes, signature: str) -> Hook:
    """Whose secret it is. Raises Problem: 401 if it is nobody's, 409 if it is that of several."""
    hooks = parts.vault.hooks

    def verify() -> list[Hook]:
        return github.signers(hooks.find(team, app), body, signature)

    async with parts.verifying:
        try:
            signers = await run_in_threadpool(verify)
        except SecretUnreadable as error:  # what it says is of others, perhaps, and not for strangers
            raise VaultUnusable("webhooks-unreadable", _UNREADABLE, "The log says more.") from error
    if not signers:
        raise github.unsigned()
    if len(signers) > 1:
        detail = "Several webhooks have the secret that this is signed with, so it can't be said for which it is."
        raise Problem(409, "webhook-ambiguous", detail, hint="Say it in the URL: ?team=TEAM&app=PRODUCTION-APP.")
    return signers[0]


def _proposed(view: CommandView) -> Response:
    if view.status == "rejected":
        raise rejected(view)
    return _told(200 if view.status == "admitted" else 202, Delivered(outcome="proposed", command=view))


def _ignored(reason: str) -> Response:
    return _told(202, Delivered(outcome="ignored", reason=reason))


def _told(status: int, delivered: Delivered) -> Response:
    return Response(delivered.model_dump_json(), status, media_type="application/json")
