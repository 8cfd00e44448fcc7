"""Deployment logs, in pages or as they come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Query
from starlette.responses import Response

from ownstack_api import live
from ownstack_api.auth import Caller
from ownstack_api.openapi import problems
from ownstack_api.paging import Wanted, found
from ownstack_api.parts import House, Parts
from ownstack_api.routes.common import STREAM, App, LastEventId, router
from ownstack_contracts.jobs import BESIDE, is_beside
from ownstack_contracts.names import Identifier, Number, StackName
from ownstack_readmodel.paging import cursor_of
from ownstack_readmodel.views import LogLineView, Page

routes = router("logs")

After = Annotated[Number | None, Query(description="Lines after the one with this cursor.")]


@dataclass(frozen=True, slots=True)
class Filter:
    """Whose lines; None: of all stacks, of all deployments."""

    stack: str | None
    deployment: str | None


async def _filter(
    stack: Annotated[StackName | None, Query(description="Only lines from this stack.")] = None,
    deployment: Annotated[Identifier | None, Query(description="Only lines of this deployment or run.")] = None,
) -> Filter:
    return Filter(stack, deployment)


Lines = Annotated[Filter, Depends(_filter)]


@routes.get("/apps/{app}/logs", responses=problems(404))
async def logs(
    house: House, who: Caller, part: Wanted, app: App, lines: Lines, after: After = None
) -> Page[LogLineView]:
    """Log lines in the order in which they came; without `deployment`, of the app that there is, and none of one of its
    name that was destroyed. A cursor goes before `after`."""
    await _check(house, who.team, app, lines)
    cursor = part.cursor if part.cursor or after is None else cursor_of(after)
    return await house.readmodel.logs(who.team, app, part.limit, cursor, stack=lines.stack, deployment=lines.deployment)


@routes.get("/apps/{app}/logs/events", **STREAM)
async def log_events(
    house: House, who: Caller, last: LastEventId, app: App, lines: Lines, after: After = None
) -> Response:
    """Log lines as they come (server-sent events): `id` the cursor, `event` LogLine, `data` the line.

    From `Last-Event-ID` (or `after`) on; without either from now.
    """
    await _check(house, who.team, app, lines)
    start = last if last is not None else after
    if start is None:
        start = await house.readmodel.last_line(who.team, app)
    return live.log_lines(house, who, app, lines.stack, lines.deployment, start)


async def _check(house: Parts, team: str, app: str, lines: Filter) -> None:
    """The app, or, as it may be gone, the deployment or the run must be known."""
    name = lines.deployment
    if name is None:
        found(await house.readmodel.app(team, app), "app", app)
    elif is_beside(name):
        run = await house.readmodel.run(team, name.removesuffix(BESIDE))
        found(run if run and run.app == app else None, "run", name)
    else:
        deployment = await house.readmodel.deployment(team, name)
        found(deployment if deployment and deployment.app == app else None, "deployment", name)
