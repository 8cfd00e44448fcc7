"""Promotions: the copy of one stage's release to the next."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body, Query
from starlette.responses import Response

from ownstack_api.auth import Caller
from ownstack_api.forms import NewPromotion
from ownstack_api.openapi import problems
from ownstack_api.outcomes import answer
from ownstack_api.paging import Wanted, found
from ownstack_api.parts import House
from ownstack_api.preferences import Wait
from ownstack_api.publishing import Keyed
from ownstack_api.routes.common import COMMAND, App, PromotionId, router
from ownstack_contracts.names import AppName
from ownstack_contracts.promotions import PromotionCancelRequested, PromotionRequested
from ownstack_readmodel.views import Page, RolloutStatus, RolloutView

routes = router("promotions")


@routes.post("/apps/{app}/promotions", **COMMAND)
async def promote(
    house: House,
    who: Caller,
    keys: Keyed,
    wait: Wait,
    app: App,
    form: Annotated[NewPromotion, Body()] = NewPromotion(),  # noqa: B008 - frozen
) -> Response:
    """Release what an app runs on the next stage of its pipeline. Without a body: its current release, everywhere."""
    command = PromotionRequested(app=app, release=form.release, stacks=form.stacks, redeploy=form.redeploy)
    return await answer(house, who, command, keys, wait)


@routes.post("/promotions/{promotion}/cancel", **COMMAND)
async def cancel(house: House, who: Caller, keys: Keyed, wait: Wait, promotion: PromotionId) -> Response:
    """Start no further stack of a promotion; what has begun is finished."""
    return await answer(house, who, PromotionCancelRequested(promotion=promotion), keys, wait)


@routes.get("/promotions")
async def promotions(
    house: House,
    who: Caller,
    part: Wanted,
    app: Annotated[AppName | None, Query(description="Only those to this app.")] = None,
    status: Annotated[RolloutStatus | None, Query(description="Only those that stand so.")] = None,
) -> Page[RolloutView]:
    """All promotions, newest first."""
    return await house.readmodel.promotions(who.team, part.limit, part.cursor, app=app, status=status)


@routes.get("/promotions/{promotion}", responses=problems(404))
async def promotion(house: House, who: Caller, promotion: PromotionId) -> RolloutView:
    """A promotion, with what becomes of each stack."""
    rollout = await house.readmodel.rollout(who.team, promotion)
    return found(rollout if rollout and rollout.kind == "promotion" else None, "promotion", promotion)
