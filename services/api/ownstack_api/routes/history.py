"""The history: every fact of the team, in pages or as they come."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from ownstack_api import live
from ownstack_api.auth import Caller
from ownstack_api.paging import Wanted
from ownstack_api.parts import House
from ownstack_api.problems import Problem
from ownstack_api.routes.common import STREAM, LastEventId, router
from ownstack_contracts.names import AppName, Number
from ownstack_readmodel.views import FactView, Page

routes = router("history")

OfApp = Annotated[AppName | None, Query(description="Only facts about this app.")]


@routes.get("/history")
async def history(
    house: House,
    who: Caller,
    part: Wanted,
    app: OfApp = None,
    after: Annotated[Number | None, Query(description="Facts after this sequence, oldest first.")] = None,
    before: Annotated[Number | None, Query(description="Facts before this sequence, newest first.")] = None,
) -> Page[FactView]:
    """Facts: with `after` the oldest first, else the newest first. A cursor goes on in the same direction."""
    if after is not None and before is not None:
        raise Problem(422, "invalid-request", "Give `after` or `before`, not both.")
    return await house.readmodel.history(who.team, part.limit, part.cursor, app=app, after=after, before=before)


@routes.get("/events", **STREAM)
async def events(
    house: House,
    who: Caller,
    last: LastEventId,
    app: OfApp = None,
    after: Annotated[Number | None, Query(description="As Last-Event-ID, which goes before it.")] = None,
) -> Response:
    """Facts as they come (server-sent events): `id` the sequence, `event` the type, `data` the record.

    From `Last-Event-ID` (or `after`) on; without either from now. Sent once queries show what they say.
    """
    end = await house.readmodel.last_sequence(who.team)
    start = last if last is not None else after
    if start is not None and start > end:
        detail = f"The history of this team ends at {end}, before {start}."
        raise Problem(409, "ahead-of-history", detail, hint="Read again from the beginning.")
    return live.facts(house, who, app, end if start is None else start)
