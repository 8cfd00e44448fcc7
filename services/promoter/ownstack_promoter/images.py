"""Images: what is asked of registries: the digest of a tag before a deployment, a new tag for what is promoted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ownstack_contracts.images import (
    ImageAwaited,
    ImageJob,
    ImageReport,
    ImageResolveRequested,
    ImageRetagged,
    ImageRetagRequested,
    ImageRetagSkipped,
)
from ownstack_contracts.jobs import StackDeployRequested
from ownstack_contracts.message import Message
from ownstack_contracts.names import digest_of, parse_image
from ownstack_promoter.asking import ask_stacks
from ownstack_promoter.change import Change
from ownstack_promoter.dispatch import Moment, decides, evolves
from ownstack_promoter.rollouts import start_next
from ownstack_promoter.team import Team
from ownstack_promoter.underway import Rollout


@evolves(ImageResolveRequested)
def resolve_requested(team: Team, fact: ImageResolveRequested) -> None:
    open_image_job(team, fact)
    team.resolvings[fact.rollout].job = fact.job


def open_image_job(team: Team, fact: ImageJob) -> None:
    """Fold: a deployer is asked."""
    team.image_jobs[fact.job] = fact
    team.timers.set(f"image:{fact.job}", fact.waiting_until)


@decides(ImageAwaited)
def image_awaited(team: Team, report: ImageAwaited, _: Moment) -> Iterator[Message]:
    if isinstance(team.image_jobs.get(report.job), ImageResolveRequested):
        yield report


@evolves(ImageRetagRequested)
def retag_requested(team: Team, fact: ImageRetagRequested) -> None:
    open_image_job(team, fact)
    team.rollouts[fact.rollout].image_job = fact.job


def _request(team: Team, report: ImageReport) -> ImageRetagRequested | None:
    """The tag that a rollout waits for; None: the report is of none."""
    request = team.image_jobs.get(report.job)
    return request if isinstance(request, ImageRetagRequested) else None


@decides(ImageRetagged)
def image_retagged(team: Team, report: ImageRetagged, moment: Moment) -> Iterator[Message]:
    request = _request(team, report)
    if request is None:
        return
    rollout = team.rollouts[request.rollout]
    wanted = request.repository or parse_image(request.image).repository
    if digest_of(report.image) != digest_of(rollout.pinned) or parse_image(report.image).repository != wanted:
        other = f"The tag is on {report.image}, which is another image."
        skipped = ImageRetagSkipped(job=report.job, app=report.app, code="digest-mismatch", message=other)
        yield from _goes_on(team, rollout, skipped, rollout.pinned, moment)
    else:
        yield from _goes_on(team, rollout, report, report.image, moment)


@decides(ImageRetagSkipped)
def image_retag_skipped(team: Team, report: ImageRetagSkipped, moment: Moment) -> Iterator[Message]:
    if (request := _request(team, report)) is not None:
        rollout = team.rollouts[request.rollout]
        yield from _goes_on(team, rollout, report, rollout.pinned, moment)


def _goes_on(team: Team, rollout: Rollout, report: ImageReport, image: str, moment: Moment) -> Iterator[Message]:
    """The stacks are asked, tag or no tag: they receive the digest."""
    yield report
    app = team.apps[rollout.app]
    assert rollout.release is not None
    asked = list(ask_stacks(team, replace(rollout, image=image), app, Change(), moment, rollout.release))
    yield from asked
    if not any(isinstance(fact, StackDeployRequested) for fact in asked):
        yield from start_next(team, app, Change(), moment)


@evolves(ImageRetagged)
def retagged(team: Team, fact: ImageRetagged) -> None:
    if (request := _request(team, fact)) is not None:
        team.rollouts[request.rollout].image = fact.image
        releases = team.apps[request.app].releases
        releases[request.release] = releases[request.release]._replace(image=fact.image)
    team.close_image_job(fact.job)


@evolves(ImageRetagSkipped)
def retag_skipped(team: Team, fact: ImageRetagSkipped) -> None:
    team.close_image_job(fact.job)
