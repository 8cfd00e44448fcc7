"""Releases: what an app ran, runs, and can go back to."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body, Path
from starlette.responses import Response

from ownstack_api.auth import Caller
from ownstack_api.forms import NewRollback
from ownstack_api.openapi import problems
from ownstack_api.outcomes import answer
from ownstack_api.paging import Wanted, found
from ownstack_api.parts import House
from ownstack_api.preferences import Wait
from ownstack_api.publishing import Keyed
from ownstack_api.routes.common import COMMAND, App, router
from ownstack_contracts.names import Number
from ownstack_contracts.rollouts import RollbackRequested
from ownstack_readmodel.views import Page, ReleaseDetailView, ReleaseView

routes = router("releases")


@routes.post("/apps/{app}/rollbacks", **COMMAND)
async def roll_back(
    house: House,
    who: Caller,
    keys: Keyed,
    wait: Wait,
    app: App,
    form: Annotated[NewRollback, Body()] = NewRollback(),  # noqa: B008 - frozen
) -> Response:
    """Release again what an older release was. Without a body: the one that was live before, everywhere."""
    command = RollbackRequested(
        app=app, release=form.release, stacks=form.stacks, acknowledge_migrations=form.acknowledge_migrations
    )
    return await answer(house, who, command, keys, wait)


@routes.get("/apps/{app}/releases", responses=problems(404))
async def releases(house: House, who: Caller, part: Wanted, app: App) -> Page[ReleaseView]:
    """The releases of an app, newest first."""
    return found(await house.readmodel.releases(who.team, app, part.limit, part.cursor), "app", app)


@routes.get("/apps/{app}/releases/{release}", responses=problems(404))
async def release(
    house: House, who: Caller, app: App, release: Annotated[Number, Path(description="The number of a release.")]
) -> ReleaseDetailView:
    """A release, with what became of it on each stack."""
    return found(await house.readmodel.release(who.team, app, release), "release", f"v{release}")
