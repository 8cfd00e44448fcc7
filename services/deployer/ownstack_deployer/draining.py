"""What a deployer still does once it has left the group: it finishes what has begun, and what comes of that."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import replace

from ownstack_bus.port import At, Bus, Record
from ownstack_contracts.envelope import Unreadable, decode
from ownstack_contracts.jobs import PostdeployRequested, StackDeployRequested
from ownstack_contracts.leases import JobClosed, JobGranted
from ownstack_contracts.topics import DEPLOYS
from ownstack_deployer.runs import Run
from ownstack_deployer.tailing import TailInbox
from ownstack_deployer.worker import Worker

logger = logging.getLogger(__name__)

_REQUEST = PostdeployRequested.type_name().encode()

Runs = Mapping[asyncio.Task[bool], Run]


async def finish(bus: Bus, worker: Worker, before: Runs, grace: float) -> None:
    """Give back what has not touched its stack; finish the rest, and the post-deploys that are asked for because of it.

    before: what was under way before the group was left. grace: seconds from the end of the last deployment that a
    post-deploy is waited for; nothing is waited for when no deployment was under way.
    """
    runs = {**before, **worker.under_way}
    finishing = _without_what_is_given_back(runs)
    if not runs:
        return
    logger.info("%d jobs are being finished", len(finishing))
    deployments = [run for run in finishing if isinstance(run.job.request, StackDeployRequested)]
    if not deployments:
        await asyncio.wait(runs)
        return
    async with _following(Postdeploys(bus, worker, deployments, grace)) as postdeploys:
        await asyncio.wait(runs)
        await postdeploys.carried_out()


def _without_what_is_given_back(runs: Runs) -> list[Run]:
    finishing = []
    for task, run in runs.items():
        if run.can_be_given_back:
            task.cancel()
        else:
            finishing.append(run)
    return finishing


class Postdeploys:
    """The post-deploys of rollouts that have deployments which are being finished here.

    A rollout's script is asked for when all of its stacks have ended, and on the one that went live earliest, whichever
    that is: all partitions are followed, each from when the first of these deployments was granted, so nothing is
    missed however late it is looked for. Other members of the group may claim as well: one of them is granted.
    """

    def __init__(self, bus: Bus, worker: Worker, runs: Collection[Run], grace: float) -> None:
        """`runs` of deployments, at least one."""
        self._bus = bus
        self._worker = worker
        self._grace = grace
        self._since = min(run.granted_at for run in runs)
        self._runs: dict[tuple[str, str], list[Run]] = defaultdict(list)
        self._finished: set[tuple[str, str]] = set()
        """The deployments: team and id."""
        for run in runs:
            request = run.job.request
            assert isinstance(request, StackDeployRequested)
            self._runs[run.job.team, request.rollout].append(run)
            self._finished.add((run.job.team, request.deployment))
        self._awaited = set(self._finished)
        self._enough = asyncio.Event()
        self._inboxes: dict[tuple[str, str], TailInbox] = {}
        self._acts: set[asyncio.Task[None]] = set()

    async def listen(self) -> None:
        """Follow the records, and carry out what is asked for, until cancelled or until the bus fails."""
        try:
            async with asyncio.TaskGroup() as tails:
                for partition in range(await self._bus.partitions(DEPLOYS.name)):
                    tails.create_task(self._follow(partition))
        except* Exception:
            # Whatever the adapter met, what has begun must be finished all the same.
            logger.exception("What comes of the jobs being finished can't be followed: it waits for the next deployer")
            self._enough.set()
            for inbox in self._inboxes.values():
                inbox.revoke()

    async def carried_out(self) -> None:
        """Wait until those that were asked for are over, and for `grace` seconds at most whether some are asked for."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._grace):
                await self._enough.wait()
        while self._acts:
            await asyncio.wait(list(self._acts))

    async def abandon(self) -> None:
        """Let go of what was not granted yet; runs under way go on."""
        for act in self._acts:
            act.cancel()
        await asyncio.gather(*self._acts, return_exceptions=True)

    async def _follow(self, partition: int) -> None:
        async for record in self._bus.tail(DEPLOYS.name, partition, At(time=self._since)):
            if _REQUEST in record.value or any(record.key == key for key, _ in self._inboxes):
                self._hear(record)

    def _hear(self, record: Record) -> None:
        try:
            event = decode(record.topic, record.value)
        except Unreadable:
            return  # whoever is in the group buries it
        message, team = event.message, event.envelope.team
        if isinstance(message, PostdeployRequested) and team is not None:
            if self._is_ours(team, message):
                self._begin(record, team, message)
        elif isinstance(message, JobGranted | JobClosed) and (inbox := self._inboxes.get((record.key, message.job))):
            inbox.answered(record, message)

    def _is_ours(self, team: str, request: PostdeployRequested) -> bool:
        """Of a deployment that was to be finished here; or of another stack, but only when all that was to be finished
        here of its rollout has ended: what comes before that is not due to it."""
        runs = self._runs.get((team, request.rollout), [])
        return (team, request.deployment) in self._finished or (bool(runs) and all(run.ending for run in runs))

    def _begin(self, record: Record, team: str, request: PostdeployRequested) -> None:
        if (record.key, request.job) in self._inboxes:
            return  # the promoter repeats what it has no answer to
        logger.info("The post-deploy %s comes of what was finished: it is claimed, too", request.job)
        inbox = self._inboxes[record.key, request.job] = TailInbox(record, self._grace)
        act = asyncio.create_task(self._carry_out(inbox))
        self._acts.add(act)
        act.add_done_callback(self._acts.discard)
        self._awaited.discard((team, request.deployment))
        if not self._awaited:
            self._enough.set()

    async def _carry_out(self, inbox: TailInbox) -> None:
        try:
            await replace(self._worker, next_run=inbox.next_run).act(inbox)
        except Exception:
            # As in the group: one that fails does not keep the others from being finished, and comes again.
            logger.exception("A post-deploy of %s failed: it waits for the next deployer", inbox.key)


@contextlib.asynccontextmanager
async def _following(postdeploys: Postdeploys) -> AsyncIterator[Postdeploys]:
    listening = asyncio.create_task(postdeploys.listen())
    try:
        yield postdeploys
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        await postdeploys.abandon()
