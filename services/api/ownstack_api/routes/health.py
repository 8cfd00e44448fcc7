"""Whether the process is up, whether it can serve, and its figures. No token: it says nothing of any team."""

from __future__ import annotations

import asyncio
import logging

from fastapi import APIRouter
from prometheus_client import generate_latest
from pydantic import BaseModel
from sqlalchemy.exc import DBAPIError
from starlette.responses import PlainTextResponse, Response

from ownstack_api.meters import Figures
from ownstack_api.openapi import problems
from ownstack_api.parts import House, Parts
from ownstack_api.problems import Problem
from ownstack_api.routes.common import name_of
from ownstack_bus.port import BusError
from ownstack_contracts.topics import HISTORY

log = logging.getLogger(__name__)

routes = APIRouter(tags=["health"], generate_unique_id_function=name_of)

READY_TIMEOUT = 5.0
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Health(BaseModel):
    """It is well."""

    status: str = "ok"


@routes.get("/healthz")
async def healthz() -> Health:
    """The process is up."""
    return Health()


@routes.get("/readyz", responses=problems(503))
async def readyz(house: House) -> Health:
    """Bus and read model answer, and the read model is not far behind."""
    try:
        async with asyncio.timeout(READY_TIMEOUT):
            lag = sum((await lags(house)).values())
    except TimeoutError:
        raise _not_ready("The bus or the read model does not answer.") from None
    if lag > house.settings.ready_lag:
        raise _not_ready(f"The read model is {lag} facts behind the history.")
    return Health()


@routes.get(
    "/metrics",
    response_class=PlainTextResponse,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
)
async def metrics(house: House) -> Response:
    """Figures, as Prometheus reads them; also while the bus or the database is away, without what those would say."""
    of_house = Figures(house.meters.requests, len(house.streams), await _lags_if_told(house))
    return Response(generate_latest(of_house) + generate_latest(), media_type=METRICS_TYPE)


async def _lags_if_told(house: Parts) -> dict[int, int] | None:
    try:
        async with asyncio.timeout(READY_TIMEOUT):
            return await lags(house)
    except (BusError, DBAPIError, TimeoutError) as error:
        log.debug("no lag can be told: %s", error)
        return None


async def lags(house: Parts) -> dict[int, int]:
    """Per partition of the history: how many records the read model is behind."""
    positions = await house.readmodel.positions(HISTORY.name)  # first: else the read model may seem to be ahead
    partitions = range(await house.bus.partitions(HISTORY.name))
    return {at: await house.bus.behind(HISTORY.name, at, positions.get(at, 0)) for at in partitions}


def _not_ready(detail: str) -> Problem:
    return Problem(503, "not-ready", detail, hint="Try again shortly.", headers={"Retry-After": "1"})
