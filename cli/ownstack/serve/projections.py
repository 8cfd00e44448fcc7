"""`ownstack serve projections`: the composition root."""

from __future__ import annotations

from ownstack.exits import Exit, Failure
from ownstack.serve import figures
from ownstack.serve.meters import PrometheusMeter
from ownstack.serve.opening import bus_of, database
from ownstack.serve.running import joined, with_health
from ownstack.serve.settings import DatabaseSettings, ProcessSettings
from ownstack.supervision import Service
from ownstack_projections.main import GROUP, Projections, Settings
from ownstack_readmodel import DatabaseUnusable, ReadModel, open_readmodel


async def run() -> bool:
    """Run until a signal. Raises Failure."""
    process, settings = ProcessSettings(), Settings()  # type: ignore[call-arg] # the environment gives the rest
    meter = PrometheusMeter()
    readmodel = await readmodel_of(process)
    try:
        bus = await bus_of(process, meter)
        try:
            projections = Projections(bus, readmodel, settings)
            service = Service("projections", projections.run)
            with figures.of_projections(projections):
                return await with_health([service], process, lambda: joined(meter.joined, GROUP))
        finally:
            await bus.close()
    finally:
        readmodel.close()


async def readmodel_of(process: ProcessSettings) -> ReadModel:
    """The read model, open. Raises Failure."""
    settings = DatabaseSettings()  # type: ignore[call-arg] # the environment gives it

    def away(error: Exception) -> bool:
        return isinstance(error, DatabaseUnusable) and error.passing

    try:
        return await database(open_readmodel, away, settings, process.start_patience)
    except DatabaseUnusable as error:
        raise Failure(error.code, error.message, hint=error.hint, exit_code=Exit.UNAVAILABLE) from error
