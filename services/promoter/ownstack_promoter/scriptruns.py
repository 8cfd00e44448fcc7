"""Runs of post-deploy scripts: what they report, and what it makes of the rollout."""

from __future__ import annotations

from collections.abc import Iterator

from ownstack_contracts.leases import RunReport
from ownstack_contracts.message import Message
from ownstack_contracts.reports import PostdeployFailed, PostdeployStarted, PostdeploySucceeded
from ownstack_contracts.rollouts import PostdeployOutcome
from ownstack_promoter.change import Change
from ownstack_promoter.deployments import held, rollout_of
from ownstack_promoter.dispatch import Moment, decides, evolves
from ownstack_promoter.places import give_back
from ownstack_promoter.rollouts import conclude
from ownstack_promoter.team import Team


@decides(PostdeployStarted)
def postdeploy_starts(team: Team, report: PostdeployStarted, _: Moment) -> Iterator[Message]:
    if held(team, report, "postdeploy"):
        yield report


@evolves(PostdeployStarted)
def postdeploy_started(team: Team, fact: PostdeployStarted) -> None:
    team.jobs[fact.job].uncertain = True


@decides(PostdeploySucceeded)
def postdeploy_succeeds(team: Team, report: PostdeploySucceeded, moment: Moment) -> Iterator[Message]:
    yield from _postdeploy_ends(team, report, "succeeded", moment)


@decides(PostdeployFailed)
def postdeploy_fails(team: Team, report: PostdeployFailed, moment: Moment) -> Iterator[Message]:
    yield from _postdeploy_ends(team, report, "failed", moment)


def _postdeploy_ends(team: Team, report: RunReport, outcome: PostdeployOutcome, moment: Moment) -> Iterator[Message]:
    job = held(team, report, "postdeploy")
    if job is None:
        yield from give_back(team, report)
        return
    yield report
    yield from conclude(team, rollout_of(team, job), Change(postdeploys={report.stack: outcome}), moment)
