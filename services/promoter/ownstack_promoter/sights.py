"""Sights: what looks come to: releases that are found; promotions and imports that waited for them go on."""

from __future__ import annotations

from collections.abc import Iterator

from ownstack_contracts.apps import ReleaseCreated
from ownstack_contracts.message import Message
from ownstack_contracts.reports import StackLookFailed, StackObserved
from ownstack_promoter.dispatch import Moment, decides
from ownstack_promoter.imports import import_failed, import_seen, importing
from ownstack_promoter.looks import again_at, found, found_release, holding_of, is_news, late_sight
from ownstack_promoter.model import App, Holding
from ownstack_promoter.places import give_back, holder, holder_lately
from ownstack_promoter.promotions import open_promotion
from ownstack_promoter.sources import awaiting, not_seen, objection
from ownstack_promoter.team import Team, newest
from ownstack_promoter.underway import Job, Looking


@decides(StackObserved)
def observe(team: Team, report: StackObserved, moment: Moment) -> Iterator[Message]:
    job = holder_lately(team, report)
    if job is None or job.kind != "look":
        yield from late_sight(team, report, report.live, moment)
        return
    if (waiting := importing(team, report.job)) is not None:
        yield from import_seen(team, waiting, report)
        return
    yield report
    release = next(found(team, report, job), None)
    if release is not None:
        yield release
    if (looking := awaiting(team, report.job)) is not None and looking.looks == {report.job}:
        yield from _source_seen(team, looking, report, job, release, moment)


def _source_seen(
    team: Team, looking: Looking, report: StackObserved, job: Job, release: ReleaseCreated | None, moment: Moment
) -> Iterator[Message]:
    """The last stack of the source was looked at: what is live on all of them is promoted, or it is said why not."""
    source = team.apps[looking.source]
    held = {stack: _held(team, source, stack, report, job) for stack in source.stacks}
    if (end := objection(looking, source, held)) is not None:
        yield end
        return
    holding = next(iter(held.values()))
    assert holding is not None
    assert holding.image is not None
    number = looking.expected or newest(source.releases, holding.digest)
    if number is None and release is None:  # it was seen before, by a deployment that failed
        release = found_release(source.name, source.id, source.next_release, holding.image)
        yield release
    if number is None:
        assert release is not None
        yield from open_promotion(team, looking, release.release, release.image, moment)
    else:
        yield from open_promotion(team, looking, number, source.releases[number].image, moment)


def _held(team: Team, source: App, stack: str, report: StackObserved, job: Job) -> Holding | None:
    """What a stack holds once the report is folded."""
    known = source.live.get(stack)
    if stack != report.stack or not is_news(team, source, stack, report.live, job.asked_at):
        return known
    return holding_of(source, stack, report.live, team.sequence + 1) if report.live is not None else None


@decides(StackLookFailed)
def look_failed(team: Team, report: StackLookFailed, moment: Moment) -> Iterator[Message]:
    job = holder(team, report)
    if job is None or job.kind != "look":
        yield from give_back(team, report)
        return
    yield from look_ends_unseen(team, report, moment)


def look_ends_unseen(team: Team, report: StackLookFailed, moment: Moment) -> Iterator[Message]:
    """A look has failed: what waits for it fails; else the stack will be looked at again."""
    if (waiting := importing(team, report.job)) is not None:
        yield report
        yield import_failed(waiting, report.code, report.message)
        return
    yield report.model_copy(update={"again_at": again_at(team, report.app, report.stack, moment)})
    if (looking := awaiting(team, report.job)) is not None:
        yield not_seen(looking, report.stack, report.message)
