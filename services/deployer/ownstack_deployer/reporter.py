"""Says what runs did: writes reports in their envelopes, and hands them to the publisher."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from ownstack_bus.port import Outgoing
from ownstack_contracts.envelope import Envelope, encode
from ownstack_contracts.jobs import Heartbeat
from ownstack_contracts.logs import DeploymentLogged
from ownstack_contracts.message import Report
from ownstack_contracts.topics import LOGS, REPORTS
from ownstack_deployer.publisher import Publisher


@dataclass(frozen=True, slots=True)
class Cause:
    """What a report goes back to: the request, of a team."""

    team: str
    request: str
    correlationid: str | None
    traceparent: str | None

    @classmethod
    def of(cls, team: str, envelope: Envelope) -> Cause:
        """The cause that the envelope of a request describes."""
        return cls(team, envelope.id, envelope.correlationid, envelope.traceparent)


class Reporter:
    """Reports of one deployer. What its methods return is set once the report is durable."""

    def __init__(self, reports: Publisher, logs: Publisher, deployer: str) -> None:
        self._reports = reports
        self._logs = logs
        self._source = f"/ownstack/deployer/{deployer}"

    def say(self, report: Report, cause: Cause) -> asyncio.Event:
        """Report what a run did."""
        return self._reports.add(Outgoing(REPORTS.name, cause.team, self._written(report, cause)))

    def beat(self, team: str, heartbeat: Heartbeat) -> asyncio.Event:
        """Report that runs of a team go on."""
        return self._reports.add(Outgoing(REPORTS.name, team, encode(heartbeat, source=self._source, team=team)))

    async def log(self, lines: DeploymentLogged, cause: Cause) -> None:
        """Store lines of a log. Waits while too many have not been stored yet."""
        self._logs.add(Outgoing(LOGS.name, lines.deployment, self._written(lines, cause)))
        await self._logs.room()

    def _written(self, report: Report, cause: Cause) -> bytes:
        return encode(
            report,
            source=self._source,
            team=cause.team,
            correlationid=cause.correlationid,
            causationid=cause.request,
            traceparent=cause.traceparent,
        )
