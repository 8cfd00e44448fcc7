"""Leases, as a run counts them: from the sending of the last sign of life that is known to be on the bus."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from ownstack_contracts.leases import Heartbeat
from ownstack_deployer.clock import Clock

MOST_RUNS = 1_000
"""How many runs fit into one heartbeat."""
BEATS = 3
"""How many heartbeats are sent in the length of a lease."""


@dataclass(slots=True)
class Lease:
    """The lease of one run. `length` in seconds. `since`: when, on the clock, the last sign of life was sent that is
    known to be durable. `beating`: a heartbeat was sent, and is not known to be durable yet. `beaten`: when the last
    heartbeat was sent."""

    run: str
    team: str
    length: float
    since: float
    beating: bool = False
    beaten: float = -math.inf

    def extend(self, sent: float, known: float) -> None:
        """A sign of life that was sent then is durable, as is known now.

        If that is known before the lease is over, it was also appended before, and the owner of the partition has
        counted it. Later nothing brings it back: the job may have been granted to somebody else in the meantime.
        """
        if self.holds(known):
            self.since = max(self.since, sent)

    def holds(self, now: float) -> bool:
        """Whether nobody else can have been granted the job: a sign of life counts from when it was appended, which
        is not before it was sent."""
        return now < self.since + self.length

    @property
    def due(self) -> float:
        """When the next heartbeat is to be sent. Also of a lease that is over: what runs still keeps others away, if
        the owner of the partition has not ended it yet."""
        return max(self.since, self.beaten) + self.length / BEATS


SayHeartbeat = Callable[[str, Heartbeat], asyncio.Event]
"""Publishes a heartbeat of a team; what it returns is set once that is durable."""


class Heartbeats:
    """Says of all runs under way that they go on: one record per team for up to 1,000 runs."""

    def __init__(self, say: SayHeartbeat, clock: Clock) -> None:
        self._say = say
        self._clock = clock
        self._leases: dict[str, Lease] = {}
        self._changed = asyncio.Event()

    @contextlib.contextmanager
    def keep(self, lease: Lease) -> Iterator[None]:
        """Extend this lease while the block runs."""
        self._leases[lease.run] = lease
        self._changed.set()
        try:
            yield
        finally:
            del self._leases[lease.run]

    def due_in(self) -> float | None:
        """Seconds until the next beat; None: there is nobody to beat for."""
        due = [lease.due for lease in self._leases.values() if not lease.beating]
        return min(due) - self._clock() if due else None

    def beat(self) -> list[asyncio.Task[None]]:
        """Say of every run that it goes on. Returns what waits for that to be durable, and extends the leases then.

        Nothing more is said of a run while that is not durable: a bus that takes nothing is not owed a pile of it.
        """
        sent = self._clock()
        teams: dict[str, list[Lease]] = defaultdict(list)
        for lease in self._leases.values():
            if not lease.beating:
                lease.beating, lease.beaten = True, sent
                teams[lease.team].append(lease)
        return [
            asyncio.create_task(self._extend(leases[i : i + MOST_RUNS], team, sent))
            for team, leases in teams.items()
            for i in range(0, len(leases), MOST_RUNS)
        ]

    async def _extend(self, leases: Sequence[Lease], team: str, sent: float) -> None:
        await self._say(team, Heartbeat(runs=tuple(lease.run for lease in leases))).wait()
        for lease in leases:
            lease.extend(sent, self._clock())
            lease.beating = False
        self._changed.set()

    async def run(self) -> None:
        """Beat until cancelled."""
        beats: set[asyncio.Task[None]] = set()
        try:
            while True:
                await self._until_due()
                for task in self.beat():
                    beats.add(task)
                    task.add_done_callback(beats.discard)
        finally:
            for task in beats:
                task.cancel()

    async def _until_due(self) -> None:
        while (due := self.due_in()) is None or due > 0:
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), due)
