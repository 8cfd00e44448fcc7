"""`ownstack serve projections`: the composition root."""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError

from ownstack.serve import figures
from ownstack.serve.databases import readmodel_of
from ownstack.serve.meters import PrometheusMeter
from ownstack.serve.opening import bus_of
from ownstack.serve.running import taking_part, with_health
from ownstack.serve.settings import ProcessSettings
from ownstack.supervision import Service
from ownstack_bus.port import Bus
from ownstack_contracts.topics import HISTORY, LOGS
from ownstack_projections.main import GROUP, Projections, Settings
from ownstack_readmodel import ReadModel


async def run(process: ProcessSettings) -> bool:
    """Run until a signal. Raises Failure."""
    settings = Settings()
    meter = PrometheusMeter()
    readmodel = await readmodel_of(process)
    try:
        bus = await bus_of(process, meter)
        try:
            projections = Projections(bus, readmodel, settings)
            service = Service("projections", projections.run)
            with figures.of_projections(projections):
                return await with_health([service], process, lambda: _ready(bus, readmodel, projections, meter))
        finally:
            await bus.close()
    finally:
        readmodel.close()


async def _ready(bus: Bus, readmodel: ReadModel, projections: Projections, meter: PrometheusMeter) -> str | None:
    try:
        await readmodel.positions(HISTORY.name)
    except DBAPIError:
        return "The database does not answer."
    if projections.waits:
        return projections.waits
    return await taking_part(bus, meter.joined, *(f"{GROUP}.{topic.name}" for topic in (HISTORY, LOGS)))
