"""The `dokku` driver: servers, how many jobs each takes at once, and the one operation at a time on each app."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

from ownstack_contracts.jobs import StackCheckRequested, StackJob, StackLookRequested, StackRunRequested
from ownstack_contracts.ssh import parse_ssh
from ownstack_deployer.clock import Clock, now
from ownstack_deployer.drivers.dokku.checking import check
from ownstack_deployer.drivers.dokku.connecting import Patience, Server
from ownstack_deployer.drivers.dokku.keys import OurKey
from ownstack_deployer.drivers.dokku.place import DokkuPlace, Times
from ownstack_deployer.drivers.dokku.remote import Remote
from ownstack_deployer.drivers.port import Checked, Job, PhaseFailed, Place

Endpoint = tuple[str, int]
"""Host and port: two stacks, also of two teams, may name the same server."""


@dataclass(slots=True)
class DokkuDriver:
    """jobs: how many at once on one server: its sshd takes few connections that are not let in yet, and builds are
    heavy. As many commands (`StackRunRequested`) may run beside them: they may take long, and hold up no deployment."""

    ours: OurKey
    jobs: int = 4
    times: Times = field(default_factory=Times)
    patience: Patience = field(default_factory=Patience)
    clock: Clock = now
    _slots: WeakValueDictionary[tuple[Endpoint, bool], asyncio.Semaphore] = field(default_factory=WeakValueDictionary)
    _locks: WeakValueDictionary[tuple[Endpoint, str], asyncio.Lock] = field(default_factory=WeakValueDictionary)

    def slots(self, request: StackJob) -> asyncio.Semaphore | None:
        """Those of its server. None: its address can't be read, which `hold` says."""
        try:
            endpoint = _endpoint(request)
        except ValueError:
            return None
        beside = isinstance(request, StackRunRequested)
        return self._slots.setdefault((endpoint, beside), asyncio.Semaphore(self.jobs))

    def is_instant(self, request: StackJob) -> bool:
        """Nothing is, over a network."""
        del request
        return False

    def repeats_release_task(self, request: StackJob) -> bool:
        """Dokku runs it in each deployment."""
        del request
        return True

    def removes_again(self, request: StackJob) -> bool:
        """Of an app that is not there, Dokku says so. One that has no containers is there."""
        del request
        return True

    def hold(self, job: Job) -> AbstractAsyncContextManager[Place]:
        """Keep other operations of this process from the app, for one that changes it. On the server there is no lock
        to hold: what an earlier run has left under way there is waited for in `look`."""
        return self._hold(job)

    @asynccontextmanager
    async def _hold(self, job: Job) -> AsyncIterator[Place]:
        server = Server.of(job.request.stack, job.request.address, job.request.settings)
        remote = Remote(server, self.ours, self.patience)
        place = DokkuPlace(remote, job, self.times, self.clock)
        if isinstance(job.request, StackRunRequested | StackLookRequested):
            async with _closing(remote):
                yield place
            return
        async with self._alone(job), _closing(remote):
            yield place

    @asynccontextmanager
    async def _alone(self, job: Job) -> AsyncIterator[None]:
        lock = self._locks.setdefault((_endpoint(job.request), job.request.app), asyncio.Lock())
        try:
            async with asyncio.timeout(max(job.until - self.clock(), 0)):
                await lock.acquire()
        except TimeoutError as error:
            raise PhaseFailed(
                "lock-timeout",
                f"Another operation on {job.request.app} of the server of {job.request.stack} has not ended by the "
                "running deadline. Wait for it, then try again.",
            ) from error
        try:
            yield
        finally:
            lock.release()

    async def check(self, request: StackCheckRequested, until: float) -> Checked:
        """Log in, and ask Dokku for its version."""
        return await check(request, self.ours, self.patience, until - self.clock())


@asynccontextmanager
async def _closing(remote: Remote) -> AsyncIterator[None]:
    try:
        yield
    finally:
        await remote.close()


def _endpoint(request: StackJob) -> Endpoint:
    address = parse_ssh(request.address)
    return address.host.lower(), address.port
