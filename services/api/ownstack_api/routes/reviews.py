"""Review apps: whether pull requests get them, and the webhook that tells of pull requests."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

from fastapi import Body, Request
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from ownstack_api.auth import Caller
from ownstack_api.forms import Form, NewReviewApps
from ownstack_api.openapi import problems
from ownstack_api.outcomes import answer
from ownstack_api.paging import found
from ownstack_api.parts import House, Parts
from ownstack_api.preferences import Wait
from ownstack_api.publishing import Keyed
from ownstack_api.routes import webhooks
from ownstack_api.routes.common import COMMAND, NOT_STORED, Production, router
from ownstack_contracts.reviews import (
    LONGEST_SECRET,
    SHORTEST_SECRET,
    ReviewAppsDisabled,
    ReviewAppsEnabled,
    is_webhook_secret,
)

routes = router("review-apps")


def _is_secret(value: SecretStr) -> SecretStr:
    secret = value.get_secret_value()
    if not is_webhook_secret(secret):
        raise ValueError(f"it must be {SHORTEST_SECRET} to {LONGEST_SECRET} printable characters of ASCII")
    return value


class NewWebhook(Form):
    """A secret of your own for the webhook; without it a random one is made."""

    secret: (
        Annotated[
            SecretStr,
            AfterValidator(_is_secret),
            Field(json_schema_extra={"minLength": SHORTEST_SECRET, "maxLength": LONGEST_SECRET}),
        ]
        | None
    ) = None


class WebhookView(BaseModel):
    """Where GitHub is to deliver to. exists: whether there is a secret to sign with."""

    url: str
    exists: bool


class NewWebhookView(BaseModel):
    """Where GitHub is to deliver to, and the secret that it is to sign with, which is shown this once."""

    model_config = ConfigDict(frozen=True)

    url: str
    secret: str = Field(repr=False)


@routes.put("/pipelines/{production}/review-apps", **COMMAND)
async def enable_review_apps(
    house: House, who: Caller, keys: Keyed, wait: Wait, production: Production, form: NewReviewApps
) -> Response:
    """Give pull requests review apps of a pipeline's production app; or change how."""
    command = ReviewAppsEnabled(production=production, **form.model_dump())
    return await answer(house, who, command, keys, wait)


@routes.delete("/pipelines/{production}/review-apps", **COMMAND)
async def disable_review_apps(house: House, who: Caller, keys: Keyed, wait: Wait, production: Production) -> Response:
    """Give pull requests review apps no more. Those that are there stay, and go when their pull requests are closed: so
    the webhook's secret is kept."""
    return await answer(house, who, ReviewAppsDisabled(production=production), keys, wait)


@routes.post("/pipelines/{production}/webhook", status_code=201, responses=problems(404, 409, 503))
async def set_webhook(
    request: Request,
    response: Response,
    house: House,
    who: Caller,
    production: Production,
    form: Annotated[NewWebhook, Body()] = NewWebhook(),  # noqa: B008 - frozen
) -> NewWebhookView:
    """Make the secret that GitHub signs with, in the place of the one before. It is shown this once."""
    await _known(house, who.team, production)
    secret = None if form.secret is None else form.secret.get_secret_value()
    kept = await run_in_threadpool(house.vault.hooks.put, who.team, production, house.clock(), secret)
    response.headers.update(NOT_STORED)
    return NewWebhookView(url=_url(request, who.team, production), secret=kept)


@routes.get("/pipelines/{production}/webhook", responses=problems(404, 503))
async def webhook(request: Request, house: House, who: Caller, production: Production) -> WebhookView:
    """Where GitHub is to deliver to, and whether there is a secret."""
    await _known(house, who.team, production)
    exists = await run_in_threadpool(house.vault.hooks.has, who.team, production)
    return WebhookView(url=_url(request, who.team, production), exists=exists)


async def _known(parts: Parts, team: str, production: str) -> None:
    hint = f"ownstack app pipeline create {production}"
    found(await parts.readmodel.pipeline(team, production), "pipeline", production, hint)


def _url(request: Request, team: str, production: str) -> str:
    """As the caller has found us: whoever asks over the address that GitHub can reach is told that one."""
    return f"{str(request.base_url).rstrip('/')}{webhooks.PATH}?{urlencode({'team': team, 'app': production})}"
