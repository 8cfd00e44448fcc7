"""An inbox for one job of a deployer that is in no group any more: others may claim that job, too."""

from __future__ import annotations

import asyncio
from collections import deque

from ownstack_bus.port import Record
from ownstack_contracts.leases import JobClosed, JobGranted
from ownstack_deployer.worker import RunIds


class TailInbox:
    """See ownstack_bus.port.Inbox. Whoever follows the records puts in what concerns the job.

    It counts as revoked once the job was granted to somebody else, or nothing was heard of it for too long.
    """

    def __init__(self, request: Record, patience: float) -> None:
        """patience: seconds that an answer is waited for."""
        self.key = request.key
        self.revoked = False
        self._patience = patience
        self._until: float | None = None
        self._queue = deque([request])
        self._more = asyncio.Event()
        self._runs: set[str] = set()
        self._new_run = RunIds()

    def next_run(self) -> str:
        """The id of a run that claims with this inbox: a grant to it is ours."""
        run = self._new_run()
        self._runs.add(run)
        return run

    def answered(self, record: Record, answer: JobGranted | JobClosed) -> None:
        """The job is granted to somebody, or closed."""
        if isinstance(answer, JobGranted) and answer.run not in self._runs:
            self.revoke()
            return
        self._queue.append(record)
        self._more.set()

    def revoke(self) -> None:
        """There is nothing more to be had."""
        self.revoked = True
        self._more.set()

    async def get(self, timeout: float | None = None) -> Record | None:
        """See Inbox."""
        if not self._queue and not self.revoked and timeout != 0:
            await self._wait(timeout)
        if self.revoked or not self._queue:
            return None
        self._until = None
        return self._queue.popleft()

    async def done(self, *records: Record) -> None:
        """Nothing is acknowledged: whoever is in the group gets these, too, and is told that the job is closed."""

    async def _wait(self, timeout: float | None) -> None:
        now = asyncio.get_running_loop().time()
        if self._until is None:
            self._until = now + self._patience
        left = self._until - now
        self._more.clear()
        try:
            async with asyncio.timeout(left if timeout is None else min(timeout, left)):
                await self._more.wait()
        except TimeoutError:
            if timeout is None or left <= timeout:
                self.revoke()
