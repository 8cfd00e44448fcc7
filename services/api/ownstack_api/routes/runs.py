"""Commands that run beside an app: its image and its config, once, on one stack."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path
from starlette.responses import Response

from ownstack_api.auth import Caller
from ownstack_api.forms import NewRun
from ownstack_api.openapi import problems
from ownstack_api.outcomes import answer
from ownstack_api.paging import Wanted, found
from ownstack_api.parts import House
from ownstack_api.preferences import Wait
from ownstack_api.publishing import Keyed
from ownstack_api.routes.common import COMMAND, App, router
from ownstack_contracts.names import CommandId
from ownstack_contracts.rollouts import RunRequested
from ownstack_readmodel.views import Page, RunView

routes = router("runs")


@routes.post("/apps/{app}/runs", **COMMAND)
async def run_command(house: House, who: Caller, keys: Keyed, wait: Wait, app: App, form: NewRun) -> Response:
    """Run a command beside an app on a stack. It is granted once ever; its lines are logs of the app."""
    return await answer(house, who, RunRequested(app=app, stack=form.stack, command=form.command), keys, wait)


@routes.get("/apps/{app}/runs", responses=problems(404))
async def runs(house: House, who: Caller, part: Wanted, app: App) -> Page[RunView]:
    """The commands that ran beside an app, newest first."""
    return found(await house.readmodel.runs(who.team, app, part.limit, part.cursor), "app", app)


@routes.get("/apps/{app}/runs/{run}", responses=problems(404))
async def run(
    house: House,
    who: Caller,
    app: App,
    run: Annotated[CommandId, Path(description="The id of a run: of the command that asked for it.")],
) -> RunView:
    """A command that runs or ran beside an app, and how it ended."""
    view = await house.readmodel.run(who.team, run)
    return found(view if view and view.app == app else None, "run", run)
