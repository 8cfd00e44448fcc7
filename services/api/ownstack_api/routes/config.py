"""Config: the variables that an app runs with. Their values are encrypted here, and shown to who asks for one."""

from __future__ import annotations

import logging
from typing import Annotated

from fastapi import Path, Query
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from ownstack_api.auth import Caller
from ownstack_api.openapi import problems
from ownstack_api.outcomes import answer
from ownstack_api.paging import found
from ownstack_api.parts import House
from ownstack_api.preferences import Wait
from ownstack_api.problems import Problem
from ownstack_api.publishing import Keyed
from ownstack_api.routes.common import COMMAND, NEW_APP, NOT_STORED, App, router
from ownstack_api.sealing import ConfigChanges, sealed_command, slot_of, unseal
from ownstack_contracts.names import ConfigKey, StackName
from ownstack_readmodel import SealedConfig, SealedVariable
from ownstack_readmodel.views import ConfigView

log = logging.getLogger(__name__)

routes = router("config")

Variable = Annotated[ConfigKey, Path(description="The name of a variable.")]


class ValueView(BaseModel):
    """A variable with its value. stack: null if it is that of all stacks, or (`review`) of review apps."""

    model_config = ConfigDict(frozen=True)

    name: str
    value: str = Field(repr=False)
    stack: str | None
    review: bool


@routes.get("/apps/{app}/config", responses=problems(404))
async def config(house: House, who: Caller, app: App) -> ConfigView:
    """The variables of an app, without their values: who set each of them, and when."""
    return found(await house.readmodel.config(who.team, app), "app", app, NEW_APP)


@routes.patch("/apps/{app}/config", **{**COMMAND, "responses": {**COMMAND["responses"], **problems(404)}})
async def change_config(house: House, who: Caller, keys: Keyed, wait: Wait, app: App, form: ConfigChanges) -> Response:
    """Change variables of an app: their values are encrypted before anything is published. null: it is gone."""
    known = found(await house.readmodel.sealed_config(who.team, app), "app", app, NEW_APP)
    command = await sealed_command(house, who.team, app, known.app_id, form)
    return await answer(house, who, command, keys, wait)


@routes.get("/apps/{app}/config/{variable}", responses=problems(404, 409, 503))
async def config_value(
    response: Response,
    house: House,
    who: Caller,
    app: App,
    variable: Variable,
    stack: Annotated[StackName | None, Query(description="As it is on this stack.")] = None,
    review: Annotated[bool, Query(description="As it is for review apps that come of the app.")] = False,
) -> ValueView:
    """Decrypt a variable: what the app has for all stacks; with `stack`, what it has there. That you did is logged."""
    known = found(await house.readmodel.sealed_config(who.team, app), "app", app, NEW_APP)
    asked = _asked(app, known, variable, stack, review=review)
    slot = slot_of(who.team, known.app_id, asked)
    value = (await unseal(house, {slot: asked.sealed}))[slot]
    log.info("%s read the variable %s of %s", who.actor, variable, app)
    response.headers.update(NOT_STORED)
    return ValueView(name=variable, value=value, stack=asked.stack, review=asked.review)


def _asked(app: str, config: SealedConfig, name: str, stack: str | None, *, review: bool) -> SealedVariable:
    if review and stack is not None:
        detail = "Review apps are on no stack of the app: ask for a stack, or for review=true."
        raise Problem(422, "invalid-request", detail)
    if stack is not None and stack not in config.stacks:
        raise Problem(404, "stack-not-of-app", f"{app} is not on {stack}.", hint=f"ownstack app info {app}")
    places = [(stack, review), (None, review)]
    values = {(variable.stack, variable.review): variable for variable in config.variables if variable.name == name}
    for place in places:
        if place in values:
            return values[place]
    where = " for its review apps" if review else "" if stack is None else f" on {stack}"
    raise Problem(404, "variable-unknown", f"{app} has no {name}{where}.", hint=f"ownstack config {app}")
