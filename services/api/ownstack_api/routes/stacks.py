"""Stacks: the servers that apps run on."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from ownstack_api.auth import Caller
from ownstack_api.forms import NewStack, StackChanges
from ownstack_api.openapi import problems
from ownstack_api.outcomes import answer
from ownstack_api.paging import Wanted, found
from ownstack_api.parts import House
from ownstack_api.preferences import Wait
from ownstack_api.publishing import Keyed
from ownstack_api.routes.common import COMMAND, Stack, router
from ownstack_contracts.stacks import CheckRequested, StackAdded, StackChanged, StackRemoved
from ownstack_readmodel.views import Page, StackView

routes = router("stacks")


@routes.post("/stacks", **COMMAND)
async def add_stack(house: House, who: Caller, keys: Keyed, wait: Wait, form: NewStack) -> Response:
    """Add a stack."""
    command = StackAdded(stack=form.name, driver=form.driver, address=form.address, settings=form.settings)
    return await answer(house, who, command, keys, wait)


@routes.patch("/stacks/{stack}", **COMMAND)
async def change_stack(
    house: House, who: Caller, keys: Keyed, wait: Wait, stack: Stack, form: StackChanges
) -> Response:
    """Change where a stack is, or what its driver wants to know. What is not given stays; an empty setting is gone."""
    command = StackChanged(stack=stack, address=form.address, settings=form.settings)
    return await answer(house, who, command, keys, wait)


@routes.post("/stacks/{stack}/checks", **COMMAND)
async def check_stack(house: House, who: Caller, keys: Keyed, wait: Wait, stack: Stack) -> Response:
    """Check that a stack can be used. What was found is shown as the stack's `check`."""
    return await answer(house, who, CheckRequested(stack=stack), keys, wait)


@routes.delete("/stacks/{stack}", **COMMAND)
async def remove_stack(
    house: House,
    who: Caller,
    keys: Keyed,
    wait: Wait,
    stack: Stack,
    forget: Annotated[bool, Query(description="Also if apps are on it: they are left behind there.")] = False,
) -> Response:
    """Use a stack no more."""
    return await answer(house, who, StackRemoved(stack=stack, forget=forget), keys, wait)


@routes.get("/stacks")
async def stacks(house: House, who: Caller, part: Wanted) -> Page[StackView]:
    """All stacks, by name."""
    return await house.readmodel.stacks(who.team, part.limit, part.cursor)


@routes.get("/stacks/{stack}", responses=problems(404))
async def stack(house: House, who: Caller, stack: Stack) -> StackView:
    """A stack, and the apps on it."""
    return found(await house.readmodel.stack(who.team, stack), "stack", stack)
