"""Lapses: a run that was not heard of for the length of its lease; what may run only once is lost with it."""

from __future__ import annotations

from collections.abc import Iterator

from ownstack_contracts.leases import JobClosed, LeaseLapsed
from ownstack_contracts.message import Message
from ownstack_promoter.besides import lost_command
from ownstack_promoter.change import Change
from ownstack_promoter.deployments import rollout_of
from ownstack_promoter.dispatch import Moment, decides, evolves
from ownstack_promoter.places import end_grant, holds
from ownstack_promoter.postdeploys import lost
from ownstack_promoter.rollouts import conclude
from ownstack_promoter.team import Team
from ownstack_promoter.underway import place_of


@decides(LeaseLapsed)
def lapse(team: Team, report: LeaseLapsed, moment: Moment) -> Iterator[Message]:
    if not holds(team, place_of(report), report.run, report.job):
        return
    yield report
    job = team.jobs.get(report.job)
    if job is not None and job.kind == "postdeploy":
        yield lost(job)
        yield JobClosed(job=report.job, app=report.app, stack=report.stack, reason="ended")
        yield from conclude(team, rollout_of(team, job), Change(postdeploys={report.stack: "unknown"}), moment)
    elif job is not None and job.kind == "run":
        yield lost_command(job)
        yield JobClosed(job=report.job, app=report.app, stack=report.stack, reason="ended")


@evolves(LeaseLapsed)
def lease_lapsed(team: Team, fact: LeaseLapsed) -> None:
    end_grant(team, place_of(fact), fact.run)
    if (job := team.jobs.get(fact.job)) is not None:
        job.uncertain = True
