"""Whether the process is up, whether it can serve, and its figures. No token: it says nothing of any team."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from fastapi import APIRouter
from prometheus_client import generate_latest
from pydantic import BaseModel
from starlette.responses import PlainTextResponse, Response

from ownstack_api.handlers import DATABASE_AWAY
from ownstack_api.meters import Figures
from ownstack_api.openapi import problems
from ownstack_api.parts import House, Parts
from ownstack_api.problems import Problem
from ownstack_api.routes.common import name_of
from ownstack_bus.port import BusError

log = logging.getLogger(__name__)

routes = APIRouter(tags=["health"], generate_unique_id_function=name_of)

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
        lag = sum((await house.lags.told(house.bus, house.readmodel)).values())
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
    of_house = Figures(house.meters, len(house.streams), await _lags_if_told(house))
    return Response(generate_latest(of_house) + generate_latest(), media_type=METRICS_TYPE)


async def _lags_if_told(house: Parts) -> Mapping[int, int] | None:
    try:
        return await house.lags.told(house.bus, house.readmodel)
    except (BusError, *DATABASE_AWAY, TimeoutError) as error:
        log.debug("no lag can be told: %s", error)
        return None


def _not_ready(detail: str) -> Problem:
    return Problem(503, "not-ready", detail, hint="Try again shortly.", headers={"Retry-After": "1"})
