"""Runs one service as a process: its parts, its health, signals, and how it ends."""

from __future__ import annotations

import gc
import logging
from collections.abc import Collection, Sequence

from ownstack.exits import Failure
from ownstack.serve.health import Ready, listen, serve_health
from ownstack.serve.settings import ProcessSettings
from ownstack.serve.watchdog import watched
from ownstack.supervision import Service, ServiceFailed, Supervisor
from ownstack_bus.port import Bus, BusError
from ownstack_contracts.topics import HISTORY

log = logging.getLogger(__name__)

GC_THRESHOLDS = (50_000, 20, 100)
"""Python's own (700, 10, 10) cost a tenth of a promotion to 1,000 stacks; the cycles there are, are few and small."""


def settle_collector() -> None:
    """What is there now stays, and need not be looked through again; what comes, less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)


async def with_health(services: Sequence[Service], settings: ProcessSettings, ready: Ready) -> bool:
    """As `live`, with the pages of health beside them."""
    listener = listen(settings.health_host, settings.health_port)
    host, port = listener.getsockname()[:2]
    try:
        health = Service("health", lambda: serve_health(listener, ready))
        return await live([*services, health], settings, f"health at http://{host}:{port}/readyz")
    finally:
        listener.close()


async def live(services: Sequence[Service], settings: ProcessSettings, where: str) -> bool:
    """Run services until a signal ends them, in the order given. False: a second signal cut that short.

    Raises Failure when a service ends by itself.
    """

    async def begun() -> None:
        settle_collector()
        log.info("%s runs; %s", services[0].name, where)

    supervisor = Supervisor(services, lambda: log.info("stopping: what runs is finished first"))
    try:
        with watched(settings.stall):
            return await supervisor.run(begun)
    except ServiceFailed as failed:
        raise explained(failed) from failed


def explained(failed: ServiceFailed) -> Failure:
    """What a service died of, for people; what nobody expected is logged with its trace."""
    cause = failed.__cause__ or failed
    if isinstance(cause, BusError):
        return Failure(cause.code, f"The {failed.name} has stopped: {cause}")
    log.error("the %s has failed", failed.name, exc_info=cause)
    hint = "Start it again: nothing that was accepted is lost. The log says more."
    return Failure(f"{failed.name}-failed", f"The {failed.name} has failed: {cause!r}.", hint=hint)


async def taking_part(bus: Bus, consumers: Collection[str], *wanted: str) -> str | None:
    """What is in the way as long as not all that is `wanted` is among the `consumers` that are in order, or the bus
    does not answer; None: nothing."""
    if missing := [name for name in wanted if name not in consumers]:
        return f"Not joined, or not restored yet: {', '.join(missing)}."
    try:
        await bus.end(HISTORY.name, 0)
    except BusError as error:
        return f"The bus does not answer ({error.code})."
    return None
