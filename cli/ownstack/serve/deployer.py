"""`ownstack serve deployer`: the composition root."""

from __future__ import annotations

from ownstack.serve import figures
from ownstack.serve.meters import PrometheusMeter
from ownstack.serve.opening import bus_of
from ownstack.serve.running import taking_part, with_health
from ownstack.serve.settings import ProcessSettings
from ownstack.supervision import Service
from ownstack_deployer.main import GROUP, Deployer
from ownstack_deployer.settings import Settings


async def run(process: ProcessSettings) -> bool:
    """Run until a signal, then finish what has begun. Raises Failure."""
    settings = Settings()
    meter = PrometheusMeter()
    bus = await bus_of(process, meter)
    try:
        deployer = Deployer(bus, settings)
        service = Service("deployer", deployer.run, deployer.drain)
        with figures.of_deployer(deployer):
            return await with_health([service], process, lambda: taking_part(bus, meter.joined, GROUP))
    finally:
        await bus.close()
