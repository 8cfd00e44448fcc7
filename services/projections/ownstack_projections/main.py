"""The projections as a service: history and logs in, the read model out. The composition root."""

from __future__ import annotations

import asyncio
import logging
import time
from concurrent.futures import ThreadPoolExecutor

from ownstack_bus.port import Bus, Sink
from ownstack_contracts.topics import HISTORY, LOGS, Topic
from ownstack_projections.logs import LogSink
from ownstack_projections.patience import Patience, Patient
from ownstack_projections.rebuild import Rebuilt, rebuild
from ownstack_projections.settings import Settings
from ownstack_projections.sink import HistorySink
from ownstack_readmodel import ReadModel

__all__ = ["Projections", "Settings"]

log = logging.getLogger(__name__)

GROUP = "projections"
DAY = 24 * 3_600_000
"""In ms."""


class Projections:
    """Keeps the read model in step with the bus. On a bus with groups any number of processes share the partitions."""

    def __init__(self, bus: Bus, readmodel: ReadModel, settings: Settings | None = None) -> None:
        self._bus, self._readmodel = bus, readmodel
        self._settings = settings or Settings()
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="projections")
        self.history = HistorySink(readmodel, self._worker, readmodel.changes)
        self.logs = LogSink(bus.publish, readmodel, self._worker)
        self._patience = {topic.name: Patience(f"projecting {topic.name}") for topic in (HISTORY, LOGS)}

    @property
    def waits(self) -> str | None:
        """That something is not projected now, for people; None: all is."""
        return next((said for patience in self._patience.values() if (said := patience.waits)), None)

    async def run(self) -> None:
        """Project until cancelled. While the disk is full, the file locked or the database away, it waits.

        Raises ProjectionStopped when it can't go on, and BusError and DBAPIError for what does not pass by itself.
        """
        try:
            await self._project()
        finally:
            self._worker.shutdown()  # what is being written is finished

    async def _project(self) -> None:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._feed(HISTORY, self.history))
                group.create_task(self._feed(LOGS, self.logs))
                group.create_task(self._prune())
        except ExceptionGroup as failures:
            for failure in failures.exceptions:
                log.error("the projections stop: %s", failure)
            raise failures.exceptions[0] from failures

    async def _feed(self, topic: Topic, sink: Sink) -> None:
        """Each start asks the sink how far it is, so nothing is left out, and nothing comes twice."""
        patience = self._patience[topic.name]
        patient = Patient(sink, patience)
        await patience.through(lambda: self._bus.project(topic.name, GROUP, patient))

    async def _prune(self) -> None:
        patience = Patience("deleting old log lines")
        while True:
            await patience.through(self._prune_once)
            await asyncio.sleep(self._settings.prune_every)

    async def _prune_once(self) -> None:
        pruned = await self.logs.prune(int(time.time() * 1_000) - self._settings.log_days * DAY)
        if pruned:
            log.info("%d old log lines are deleted", pruned)

    async def rebuild(self) -> Rebuilt:
        """Build the read model anew beside the live one, and put it in its place, while all goes on."""
        return await rebuild(self._bus, self._readmodel, self.history)
