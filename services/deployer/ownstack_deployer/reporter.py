"""Says what runs did: writes reports in their envelopes, and hands them to the publisher."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from ownstack_bus.port import Outgoing
from ownstack_contracts.envelope import Envelope, attributes_of, canonical, encode
from ownstack_contracts.leases import Heartbeat, JobClaimed, RunReport
from ownstack_contracts.logs import DeploymentLogged
from ownstack_contracts.message import Report
from ownstack_contracts.topics import LOGS, REPORTS
from ownstack_contracts.tracing import Work
from ownstack_deployer.publisher import Publisher
from ownstack_deployer.tally import Tally


@dataclass(frozen=True, slots=True)
class Cause:
    """What a report goes back to: the request, of a team. `attributes`: what all reports say of it."""

    team: str
    attributes: Mapping[str, str]

    @classmethod
    def of(cls, team: str, envelope: Envelope) -> Cause:
        """The cause that the envelope of a request describes."""
        attributes = {"team": team, "causationid": envelope.id}
        if envelope.correlationid is not None:
            attributes["correlationid"] = envelope.correlationid
        if envelope.traceparent is not None:
            attributes["traceparent"] = envelope.traceparent
        return cls(team, attributes)

    @property
    def work(self) -> Work:
        """The same, for the log."""
        return Work(self.team, self.attributes.get("correlationid"), self.attributes.get("causationid"))


class Reporter:
    """Reports of one deployer. What its methods return is set once the report is durable."""

    def __init__(self, reports: Publisher, logs: Publisher, deployer: str) -> None:
        self._reports = reports
        self._logs = logs
        self._source = f"/ownstack/deployer/{deployer}"
        self.tally = Tally()

    def say(self, report: Report, cause: Cause, name: str) -> asyncio.Event:
        """Report what a run did. `name`: the id of the report."""
        self.tally.reports[report.type_name()] += 1
        return self._reports.add(Outgoing(REPORTS.name, cause.team, self._written(report, cause, name)))

    def beat(self, team: str, heartbeat: Heartbeat) -> asyncio.Event:
        """Report that runs of a team go on."""
        self.tally.beats += 1
        return self._reports.add(Outgoing(REPORTS.name, team, encode(heartbeat, source=self._source, team=team)))

    def bury(self, letter: Outgoing) -> None:
        """Publish a dead letter."""
        self.tally.dead_letters[dict(letter.headers)["reason-code"].decode()] += 1
        self._reports.add(letter)

    async def log(self, lines: DeploymentLogged, cause: Cause) -> None:
        """Store lines of a log. Waits while too many have not been stored yet."""
        value = self._written(lines, cause, f"{lines.run}.log.{lines.number}")
        self._logs.add(Outgoing(LOGS.name, lines.deployment, value))
        await self._logs.room()

    def _written(self, report: Report, cause: Cause, name: str) -> bytes:
        # As `encode` does; but most of what reports of a run say is the same, so it is put together once.
        return canonical({**attributes_of(report), **cause.attributes, "source": self._source, "id": name})


class Voice:
    """Says what one run has to say: its reports are numbered."""

    __slots__ = ("_cause", "_number", "_reporter")

    def __init__(self, reporter: Reporter, cause: Cause) -> None:
        self._reporter = reporter
        self._cause = cause
        self._number = 0

    def say(self, report: JobClaimed | RunReport) -> asyncio.Event:
        """Report it. What is returned is set once that is durable."""
        self._number += 1
        return self._reporter.say(report, self._cause, f"{report.run}.{self._number}")

    async def log(self, lines: DeploymentLogged) -> None:
        """Store lines of its log. Waits while too many have not been stored yet."""
        await self._reporter.log(lines, self._cause)
