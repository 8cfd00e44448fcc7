"""Rebuilds the read model from the history, beside the running services."""

from __future__ import annotations

from sqlalchemy.exc import DBAPIError

from ownstack.exits import Exit, Failure
from ownstack.serve.databases import failed, readmodel_of
from ownstack.serve.opening import bus_of
from ownstack.serve.settings import ProcessSettings
from ownstack_bus.meter import Unmetered
from ownstack_bus.port import BusError
from ownstack_projections.rebuild import Rebuilt, rebuild
from ownstack_projections.stopped import ProjectionStopped
from ownstack_readmodel import DatabaseUnusable


async def rebuilt() -> Rebuilt:
    """Build it anew, and put it in the place of the live one. Raises Failure; the live one stays as it was then."""
    process = ProcessSettings()  # type: ignore[call-arg] # the environment gives it
    readmodel = await readmodel_of(process)
    try:
        bus = await bus_of(process, Unmetered())
        try:
            return await rebuild(bus, readmodel)
        finally:
            await bus.close()
    except DatabaseUnusable as error:
        raise Failure(error.code, error.message, hint=error.hint, exit_code=Exit.UNAVAILABLE) from error
    except DBAPIError as error:
        raise failed(error) from error
    except (ProjectionStopped, BusError) as error:
        raise Failure(error.code, str(error)) from error
    finally:
        readmodel.close()
