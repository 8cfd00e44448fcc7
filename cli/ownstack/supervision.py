"""Runs services side by side: when one fails, all end; a first signal ends them in good order, a second at once."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

log = logging.getLogger(__name__)

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass(slots=True)
class Service:
    """A part that runs until it is cancelled. `end`: how to end it in good order; None: by cancelling it."""

    name: str
    run: Callable[[], Coroutine[Any, Any, None]]
    end: Callable[[], Awaitable[None]] | None = None


class ServiceFailed(Exception):
    """A service has ended by itself. The cause is what it raised, if it raised."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} has ended by itself")
        self.name = name


@dataclass
class Supervisor:
    """Ends services in the order in which they are given. `on_stop` is told of the first signal."""

    services: Sequence[Service]
    on_stop: Callable[[], None] = lambda: None
    _stop: asyncio.Event = field(default_factory=asyncio.Event)
    _force: asyncio.Event = field(default_factory=asyncio.Event)
    _tasks: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    async def run(self, started: Callable[[], Awaitable[None]]) -> bool:
        """Run all until a signal; `started` is awaited beside them. Returns False if a second signal cut the end short.

        Raises ServiceFailed when a service ends by itself; all the others have ended then, too.
        """
        loop = asyncio.get_running_loop()
        for number in _SIGNALS:
            loop.add_signal_handler(number, self._signalled)
        try:
            return await self._run(started)
        finally:
            for number in _SIGNALS:
                loop.remove_signal_handler(number)

    def _signalled(self) -> None:
        (self._force if self._stop.is_set() else self._stop).set()

    async def _run(self, started: Callable[[], Awaitable[None]]) -> bool:
        self._tasks = {s.name: asyncio.create_task(s.run(), name=s.name) for s in self.services}
        beginning = asyncio.ensure_future(started())
        stop = asyncio.create_task(self._stop.wait())
        try:
            await self._until(stop, beginning)
            self.on_stop()
            return await self._end_in_order()
        finally:
            await self._cancel([stop, beginning, *self._tasks.values()])

    async def _until(self, stop: asyncio.Task[bool], beginning: asyncio.Future[None]) -> None:
        waited: set[asyncio.Future[Any]] = {stop, beginning, *self._tasks.values()}
        while not stop.done():
            done, _ = await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            self._raise_failed()
            if beginning in done:
                beginning.result()
                waited.discard(beginning)

    def _raise_failed(self) -> None:
        """Nobody has cancelled one yet: one that says so has failed, too."""
        for name, task in self._tasks.items():
            if task.done():
                raise ServiceFailed(name) from None if task.cancelled() else task.exception()

    async def _end_in_order(self) -> bool:
        force = asyncio.create_task(self._force.wait())
        try:
            for service in self.services:
                ending = asyncio.create_task(self._end(service))
                await asyncio.wait({ending, force}, return_when=asyncio.FIRST_COMPLETED)
                if not ending.done():
                    log.warning("%s is cut short", service.name)
                    await self._cancel([ending])
                    return False
                ending.result()
        finally:
            force.cancel()
        return True

    async def _end(self, service: Service) -> None:
        task = self._tasks[service.name]
        if service.end is not None:
            await service.end()
        task.cancel()
        await asyncio.wait({task})
        if not task.cancelled() and task.exception() is not None:
            raise ServiceFailed(service.name) from task.exception()

    async def _cancel(self, tasks: Sequence[asyncio.Future[Any]]) -> None:
        for task in tasks:
            task.cancel()
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(outcome, Exception) and not isinstance(outcome, ServiceFailed):
                log.debug("ended with %r", outcome)
