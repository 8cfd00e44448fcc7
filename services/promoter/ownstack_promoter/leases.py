"""Leases: kept by the owner of the partition, outside `decide`, by the append times of reports; no part of history.

A lease that is heard of no more ends by an input that the owner publishes: `LeaseLapsed`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ownstack_promoter.timers import Timers

REPEAT = 5_000
"""After how many ms an unanswered `LeaseLapsed` is published again."""


@dataclass(slots=True)
class Lease:
    """Whose it is, and how long each sign of life extends it (ms)."""

    team: str
    app: str
    stack: str
    job: str
    length: int
    until: int


class Leases:
    """The leases of one partition."""

    def __init__(self) -> None:
        self._leases: dict[str, Lease] = {}
        self._timers = Timers()

    def __contains__(self, run: str) -> bool:
        return run in self._leases

    def __len__(self) -> int:
        return len(self._leases)

    def get(self, run: str) -> Lease | None:
        """The lease of `run`."""
        return self._leases.get(run)

    def begin(self, run: str, lease: Lease) -> None:
        """A run was granted a job."""
        self._leases[run] = lease
        self._timers.set(run, lease.until)

    def extend(self, run: str, now: int) -> None:
        """A sign of life at `now` (append time, ms)."""
        lease = self._leases.get(run)
        if lease is not None:
            lease.until = max(lease.until, now + lease.length)

    def end(self, run: str) -> None:
        """The run is over."""
        if self._leases.pop(run, None) is not None:
            self._timers.cancel(run)

    def has_lapsed(self, run: str, now: int) -> bool:
        """Whether nothing was heard of the run for the length of its lease. An unknown one has lapsed."""
        lease = self._leases.get(run)
        return lease is None or lease.until <= now

    def earliest(self) -> int | None:
        """When to look for lapsed leases next. Extending leaves timers as they were, so it may be too early."""
        return self._timers.earliest()

    def lapsed(self, now: int) -> Iterable[tuple[str, Lease]]:
        """The runs whose leases have lapsed at `now`; each is told again only after a while."""
        for run in self._timers.until(now):
            lease = self._leases[run]
            if lease.until <= now:
                self._timers.set(run, now + REPEAT)
                yield run, lease
            else:
                self._timers.set(run, lease.until)
