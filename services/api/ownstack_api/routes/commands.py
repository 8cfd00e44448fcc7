"""Commands as they stand in the contracts, and what became of them."""

from __future__ import annotations

from typing import Annotated, cast

from fastapi import Body, Path
from starlette.responses import Response

from ownstack_api.auth import Caller
from ownstack_api.forms import COMMAND_FORM, CommandForm
from ownstack_api.openapi import problems
from ownstack_api.outcomes import answer
from ownstack_api.paging import found
from ownstack_api.parts import House
from ownstack_api.preferences import Wait
from ownstack_api.publishing import Keyed, find
from ownstack_api.routes.common import COMMAND, router
from ownstack_contracts.names import CommandId
from ownstack_readmodel.views import CommandView

routes = router("commands")


@routes.post("/commands", **COMMAND)
async def propose(
    house: House,
    who: Caller,
    keys: Keyed,
    wait: Wait,
    form: Annotated[COMMAND_FORM, Body()],
) -> Response:
    """Propose any command. The team is your token's."""
    return await answer(house, who, cast("CommandForm", form).data, keys, wait)


@routes.get("/commands/{command}", responses=problems(404))
async def command(
    house: House, who: Caller, command: Annotated[CommandId, Path(description="The id of a command.")]
) -> CommandView:
    """What became of a command."""
    return found(await find(house, who.team, command), "command", command)
