"""Deployments: one release of one app on one stack, asked for, tried again, and looked at."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from ownstack_api.auth import Caller
from ownstack_api.forms import NewDeployment, RetryPostdeploy, RetryStack
from ownstack_api.openapi import problems
from ownstack_api.outcomes import answer
from ownstack_api.paging import Wanted, found
from ownstack_api.parts import House
from ownstack_api.preferences import Wait
from ownstack_api.publishing import Keyed
from ownstack_api.routes.common import COMMAND, App, DeploymentId, router
from ownstack_contracts.names import StackName
from ownstack_contracts.rollouts import DeployRequested, StackRetryRequested
from ownstack_readmodel.views import DeploymentView, Page

routes = router("deployments")


@routes.post("/apps/{app}/deployments", **COMMAND)
async def deploy(house: House, who: Caller, keys: Keyed, wait: Wait, app: App, form: NewDeployment) -> Response:
    """Release an image on the stacks of an app."""
    command = DeployRequested(app=app, image=form.image, stacks=form.stacks, redeploy=form.redeploy)
    return await answer(house, who, command, keys, wait)


@routes.post("/apps/{app}/retries", **COMMAND)
async def retry(
    house: House, who: Caller, keys: Keyed, wait: Wait, app: App, form: RetryStack | RetryPostdeploy
) -> Response:
    """Try again what did not succeed: a stack's deployment, or the post-deploy script."""
    stack = form.stack if isinstance(form, RetryStack) else None
    return await answer(house, who, StackRetryRequested(app=app, stack=stack, postdeploy=stack is None), keys, wait)


@routes.get("/apps/{app}/deployments", responses=problems(404))
async def deployments(
    house: House,
    who: Caller,
    part: Wanted,
    app: App,
    stack: Annotated[StackName | None, Query(description="Only those on this stack.")] = None,
) -> Page[DeploymentView]:
    """The deployments of an app, newest first."""
    page = await house.readmodel.deployments(who.team, app, part.limit, part.cursor, stack=stack)
    return found(page, "app", app)


@routes.get("/deployments/{deployment}", responses=problems(404))
async def deployment(house: House, who: Caller, deployment: DeploymentId) -> DeploymentView:
    """A deployment with its attempts and their phases."""
    return found(await house.readmodel.deployment(who.team, deployment), "deployment", deployment)
