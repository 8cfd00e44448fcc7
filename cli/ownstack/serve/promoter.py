"""`ownstack serve promoter`: the composition root."""

from __future__ import annotations

from ownstack.serve import figures
from ownstack.serve.meters import PrometheusMeter
from ownstack.serve.opening import bus_of
from ownstack.serve.running import taking_part, with_health
from ownstack.serve.settings import ProcessSettings
from ownstack.supervision import Service
from ownstack_promoter.main import SERVICE, Promoter, Settings


async def run(process: ProcessSettings) -> bool:
    """Run until a signal. Raises Failure."""
    settings = Settings()
    meter = PrometheusMeter()
    bus = await bus_of(process, meter)
    try:
        promoter = Promoter(bus, settings)
        with figures.of_promoter(promoter):
            service = Service("promoter", promoter.run)
            return await with_health([service], process, lambda: taking_part(bus, meter.joined, SERVICE))
    finally:
        await bus.close()
