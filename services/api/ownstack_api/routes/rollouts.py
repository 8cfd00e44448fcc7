"""Rollouts: how a release goes over the stacks of an app, for a deployment or for a promotion."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from ownstack_api.auth import Caller
from ownstack_api.openapi import problems
from ownstack_api.paging import Wanted, found
from ownstack_api.parts import House
from ownstack_api.routes.common import RolloutId, router
from ownstack_contracts.names import AppName
from ownstack_readmodel.views import Page, RolloutStatus, RolloutView

routes = router("rollouts")


@routes.get("/rollouts")
async def rollouts(
    house: House,
    who: Caller,
    part: Wanted,
    app: Annotated[AppName | None, Query(description="Only those of this app.")] = None,
    status: Annotated[RolloutStatus | None, Query(description="Only those that stand so.")] = None,
) -> Page[RolloutView]:
    """All rollouts, newest first."""
    return await house.readmodel.rollouts(who.team, part.limit, part.cursor, app=app, status=status)


@routes.get("/rollouts/{rollout}", responses=problems(404))
async def rollout(house: House, who: Caller, rollout: RolloutId) -> RolloutView:
    """A rollout, with what becomes of each stack."""
    return found(await house.readmodel.rollout(who.team, rollout), "rollout", rollout)
