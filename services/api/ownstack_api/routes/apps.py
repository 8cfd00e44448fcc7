"""Apps: what runs, on which stacks, and with which settings."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body
from starlette.responses import Response

from ownstack_api.auth import Caller
from ownstack_api.forms import NewApp, NewImport, NewLook, NewSettings
from ownstack_api.openapi import problems
from ownstack_api.outcomes import answer
from ownstack_api.paging import Wanted, found
from ownstack_api.parts import House
from ownstack_api.preferences import Wait
from ownstack_api.publishing import Keyed
from ownstack_api.routes.common import COMMAND, App, Stack, router
from ownstack_contracts.apps import (
    AppCreated,
    AppDestroyed,
    AppImportRequested,
    AppSettingsChanged,
    AppStackAdded,
    AppStackRemoved,
    LookRequested,
)
from ownstack_readmodel.views import AppView, Page

routes = router("apps")


@routes.post("/apps", **COMMAND)
async def create_app(house: House, who: Caller, keys: Keyed, wait: Wait, form: NewApp) -> Response:
    """Create an app. What is live on its stacks is looked at, and found."""
    return await answer(house, who, AppCreated(app=form.name, stacks=form.stacks), keys, wait)


@routes.post("/imports", **COMMAND)
async def import_app(house: House, who: Caller, keys: Keyed, wait: Wait, form: NewImport) -> Response:
    """Take over an app that runs on a stack under that name, once it was seen there."""
    command = AppImportRequested(app=form.name, stack=form.stack, config=form.config)
    return await answer(house, who, command, keys, wait)


@routes.delete("/apps/{app}", **COMMAND)
async def destroy_app(house: House, who: Caller, keys: Keyed, wait: Wait, app: App) -> Response:
    """Destroy an app: each of its stacks is asked to remove it."""
    return await answer(house, who, AppDestroyed(app=app), keys, wait)


@routes.patch("/apps/{app}/settings", **COMMAND)
async def change_settings(house: House, who: Caller, keys: Keyed, wait: Wait, app: App, form: NewSettings) -> Response:
    """Change how an app is deployed. What is not given stays."""
    command = AppSettingsChanged(app=app, **form.model_dump())
    return await answer(house, who, command, keys, wait)


@routes.put("/apps/{app}/stacks/{stack}", **COMMAND)
async def add_app_stack(house: House, who: Caller, keys: Keyed, wait: Wait, app: App, stack: Stack) -> Response:
    """Put an app on one more stack. What is live there is looked at, and found."""
    return await answer(house, who, AppStackAdded(app=app, stack=stack), keys, wait)


@routes.delete("/apps/{app}/stacks/{stack}", **COMMAND)
async def remove_app_stack(house: House, who: Caller, keys: Keyed, wait: Wait, app: App, stack: Stack) -> Response:
    """Take an app from a stack, which is asked to remove it."""
    return await answer(house, who, AppStackRemoved(app=app, stack=stack), keys, wait)


@routes.post("/apps/{app}/looks", **COMMAND)
async def look(
    house: House,
    who: Caller,
    keys: Keyed,
    wait: Wait,
    app: App,
    form: Annotated[NewLook, Body()] = NewLook(),  # noqa: B008 - frozen
) -> Response:
    """Look at what is live of an app now. Without a body: on all of its stacks."""
    return await answer(house, who, LookRequested(app=app, stack=form.stack), keys, wait)


@routes.get("/apps")
async def apps(house: House, who: Caller, part: Wanted) -> Page[AppView]:
    """All apps, by name, with what is live on each of their stacks."""
    return await house.readmodel.apps(who.team, part.limit, part.cursor)


@routes.get("/apps/{app}", responses=problems(404))
async def app(house: House, who: Caller, app: App) -> AppView:
    """An app, with what is live on each of its stacks."""
    return found(await house.readmodel.app(who.team, app), "app", app)
