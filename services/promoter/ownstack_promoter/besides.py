"""Commands that run beside an app, in its image and with its config: each is granted once ever."""

from __future__ import annotations

from collections.abc import Iterator

from ownstack_contracts.jobs import BESIDE, StackRunRequested
from ownstack_contracts.leases import RunReport
from ownstack_contracts.message import Message
from ownstack_contracts.outcomes import StackRunUnknown
from ownstack_contracts.reports import StackRunEnded, StackRunFailed
from ownstack_contracts.rollouts import RunRequested
from ownstack_promoter.configs import Config
from ownstack_promoter.dispatch import Moment, decides, evolves
from ownstack_promoter.model import App
from ownstack_promoter.places import close_job, deadlines, end_grant, give_back, holder, open_job, whereabouts
from ownstack_promoter.team import Team
from ownstack_promoter.underway import Job, place_of


@decides(RunRequested)
def run(team: Team, command: RunRequested, moment: Moment) -> Iterator[Message]:
    app = team.app_on(command.app, command.stack)
    yield command
    yield StackRunRequested(
        job=f"{moment.id}{BESIDE}",
        **whereabouts(team, app.name, app.id, command.stack),
        **deadlines(app, moment),
        generation=team.generation(app.name, command.stack),
        command=command.command,
        config=_config_held(app, command.stack).entries(command.stack),
    )


def _config_held(app: App, stack: str) -> Config:
    """The config of the release that the stack holds; of one that is none of ours, that of the app."""
    holding = app.live.get(stack)
    release = app.releases.get(holding.release) if holding is not None and holding.release is not None else None
    return release.config if release is not None else app.config


@evolves(StackRunRequested)
def run_requested(team: Team, fact: StackRunRequested) -> None:
    open_job(team, "run", fact)


def _run_ends(team: Team, report: RunReport, _: Moment) -> Iterator[Message]:
    if (job := holder(team, report)) is not None and job.kind == "run":
        yield report
    else:
        yield from give_back(team, report)


def _run_ended(team: Team, fact: RunReport) -> None:
    end_grant(team, place_of(fact), fact.run)
    close_job(team, fact.job)


for _kind in (StackRunEnded, StackRunFailed):
    decides(_kind)(_run_ends)
    evolves(_kind)(_run_ended)


def lost_command(job: Job) -> StackRunUnknown:
    """It may have run: nobody knows."""
    request = job.request
    return StackRunUnknown(job=request.job, app=request.app, stack=request.stack)


@evolves(StackRunUnknown)
def run_unknown(team: Team, fact: StackRunUnknown) -> None:
    close_job(team, fact.job)
