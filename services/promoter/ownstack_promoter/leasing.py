"""Who may go on, and for how long: turns facts and signs of life into leases, and silence into `LeaseLapsed`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from ownstack_contracts.leases import Heartbeat, JobGranted, LeaseLapsed, RunReport
from ownstack_contracts.message import Message
from ownstack_promoter.leases import Lease, Leases
from ownstack_promoter.team import Team
from ownstack_promoter.underway import place_of

AtStart = Literal["anew", "lapsed"]
"""What becomes of the leases found at the start of a process: they begin anew; or, where no other process can hold
one, they have lapsed."""


class Leasing:
    """The leases of one partition."""

    def __init__(self) -> None:
        self._leases = Leases()

    def begin_all(self, team: Team, seconds: int, until: int) -> None:
        """After a restore: every open grant has a lease of `seconds` again, at first until `until` (ms)."""
        for (app, lane), grant in team.grants.items():
            stack = lane.partition("#")[0]
            self._leases.begin(grant.run, Lease(team.name, app, stack, grant.job, seconds * 1_000, until))

    def follow(self, team: Team, fact: Message, now: int) -> None:
        """A fact was folded: it may have begun or ended a lease."""
        if isinstance(fact, JobGranted):
            length = fact.lease * 1_000
            self._leases.begin(fact.run, Lease(team.name, fact.app, fact.stack, fact.job, length, now + length))
        elif isinstance(fact, RunReport):
            grant = team.grants.get(place_of(fact))
            if grant is None or grant.run != fact.run:
                self._leases.end(fact.run)

    def forget(self, team: Team) -> None:
        """Nothing is decided for the team any more: its leases need not lapse."""
        for grant in team.grants.values():
            self._leases.end(grant.run)

    def hear(self, team: Team, report: Message, now: int) -> None:
        """A sign of life at `now` (append time, ms): it extends leases of open jobs that are before their deadline."""
        if isinstance(report, Heartbeat):
            for run in report.runs:
                self._extend(team, run, now)
        elif isinstance(report, RunReport):
            self._extend(team, report.run, now)

    def _extend(self, team: Team, run: str, now: int) -> None:
        lease = self._leases.get(run)
        if lease is None or lease.team != team.name:
            return
        job = team.jobs.get(lease.job)
        if job is not None and job.running_until is not None and now < job.running_until:
            self._leases.extend(run, now)

    def has_lapsed(self, run: str, now: int) -> bool:
        """Whether nothing was heard of the run for the length of its lease."""
        return self._leases.has_lapsed(run, now)

    def earliest(self) -> int | None:
        """When the next lease may lapse, in ms since the epoch."""
        return self._leases.earliest()

    def lapsed(self, now: int) -> Iterator[tuple[str, LeaseLapsed]]:
        """What the owner has to say at `now`: per lapsed lease the team and the report."""
        for run, lease in self._leases.lapsed(now):
            yield lease.team, LeaseLapsed(job=lease.job, run=run, app=lease.app, stack=lease.stack)
