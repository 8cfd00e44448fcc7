"""`ownstack serve deployer`: the composition root."""

from __future__ import annotations

from ownstack.serve import figures
from ownstack.serve.meters import PrometheusMeter
from ownstack.serve.opening import bus_of
from ownstack.serve.running import taking_part, with_health
from ownstack.serve.settings import ProcessSettings
from ownstack.serve.vaults import vault_if_given
from ownstack.supervision import Service
from ownstack_deployer.main import GROUP, Deployer
from ownstack_deployer.settings import Settings
from ownstack_vault import Unsealing


async def run(process: ProcessSettings) -> bool:
    """Run until a signal, then finish what has begun. Raises Failure."""
    settings = Settings()
    meter = PrometheusMeter()
    bus = await bus_of(process, meter)
    try:
        vault = await vault_if_given(process)
        try:
            deployer = Deployer(bus, settings, secrets=None if vault is None else Unsealing(vault.secrets))
            service = Service("deployer", deployer.run, deployer.drain)
            with figures.of_deployer(deployer):
                return await with_health([service], process, lambda: taking_part(bus, meter.joined, GROUP))
        finally:
            if vault is not None:
                vault.close()
    finally:
        await bus.close()
