"""Looks: what is live on a stack, asked of the stack itself. What is live is always admitted."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from ownstack_contracts.apps import NO_CONFIG, ReleaseCreated
from ownstack_contracts.jobs import Live, StackLookRequested
from ownstack_contracts.leases import JobClosed, RunReport
from ownstack_contracts.message import Message
from ownstack_contracts.names import digest_of
from ownstack_contracts.reports import StackLookFailed, StackObserved
from ownstack_promoter.configs import EMPTY
from ownstack_promoter.dispatch import Moment, evolves
from ownstack_promoter.model import App, Holding, Release
from ownstack_promoter.places import close_job, end_grant, give_back, open_job, whereabouts
from ownstack_promoter.team import Team, newest
from ownstack_promoter.underway import Job, place_of

PATIENCE = 14 * 24 * 3_600_000
"""How long a look waits for a deployer, in ms: as long as `deploys` is kept."""
LOOKING = 60
"""How long a look may take, in seconds."""
HIGHEST = 2**52
"""A higher generation on a stack is not ours: there would be no room for the next one."""
AGAIN_FIRST, AGAIN_MOST = 60_000, 3_600_000
"""After a failed look: when to look again, in ms; it doubles each time, up to an hour."""


def look(
    team: Team, app: str, app_id: str, stack: str, moment: Moment, *, patience: int = PATIENCE, config: bool = False
) -> StackLookRequested:
    """Ask what is live there; with `config`, also for the names of config variables. patience: in ms."""
    return StackLookRequested(
        job=next_look(team, app, app_id, stack),
        **whereabouts(team, app, app_id, stack),
        generation=team.generation(app, stack),
        waiting_until=moment.now + patience,
        running_deadline=LOOKING,
        config=config,
    )


def next_look(team: Team, app: str, app_id: str, stack: str) -> str:
    """The id of the next look there."""
    return f"{app_id}.{stack}#look.{team.job_numbers.get((app, stack), 0) + 1}"


def close_looks(team: Team, app: App, stacks: Collection[str]) -> Iterator[JobClosed]:
    """Nobody is interested in what is live there any more; and commands that have not begun there never do."""
    for name, job in team.jobs.items():
        if job.request.app != app.name or job.request.stack not in stacks:
            continue
        if job.kind == "look" or (job.kind == "run" and team.is_idle_at(job.place)):
            yield JobClosed(job=name, app=app.name, stack=job.request.stack, reason="cancelled")


@evolves(StackLookRequested)
def look_requested(team: Team, fact: StackLookRequested) -> None:
    open_job(team, "look", fact)
    team.timers.cancel(f"look:{fact.app}@{fact.stack}")


def late_sight(team: Team, report: RunReport, live: Live | None, moment: Moment) -> Iterator[Message]:
    """What a run saw whose job is over: the promotion's end stays, but what is live is known.

    Something newer was asked for since, or it was left by something other than us: nobody knows which of both came
    last, so the stack is looked at. What names a look that is open tells nothing: whoever holds that will.
    """
    if (job := team.jobs.get(report.job)) is not None and job.kind == "look":
        yield from give_back(team, report)
        return
    app, place = team.apps.get(report.app), (report.app, report.stack)
    is_new = (
        app is not None
        and live is not None
        and is_news(team, app, report.stack, live, None)
        and not _known(app, report.stack, live)
    )
    if is_new and live is not None and 0 < generation_of(live) >= team.generation(*place):
        yield StackObserved(job=report.job, run=report.run, app=report.app, stack=report.stack, live=live)
        return
    yield from give_back(team, report)
    if is_new:
        yield from look_again(team, report.app, report.stack, moment)


def look_again(team: Team, name: str, stack: str, moment: Moment) -> Iterator[StackLookRequested]:
    """What is known may be wrong; unless a job there will tell anyway, the stack is looked at."""
    app = team.apps.get(name)
    if app is None or stack not in app.stacks or any(job.place == (name, stack) for job in team.jobs.values()):
        return
    yield look(team, name, app.id, stack, moment)


def look_where_unknown(team: Team, app: App, stacks: Collection[str], moment: Moment) -> Iterator[StackLookRequested]:
    """A run that failed or was lost has left something there: what, the stack is asked."""
    for stack in stacks:
        if (app.name, stack) not in team.looking:
            yield look(team, app.name, app.id, stack, moment)


def forget(team: Team, name: str, stack: str) -> None:
    """Fold: what the stack holds is not known any more."""
    app = team.apps.get(name)
    if app is not None:
        app.live.pop(stack, None)


def _known(app: App, stack: str, live: Live) -> bool:
    holding = app.live.get(stack)
    return holding is not None and (holding.generation, holding.deployment) == (generation_of(live), live.deployment)


def found(team: Team, report: StackObserved, job: Job) -> Iterator[ReleaseCreated]:
    """A release for what was there before us; what has no digest can be none."""
    app, live = team.apps.get(report.app), report.live
    if app is None or live is None or not is_news(team, app, report.stack, live, job.asked_at):
        return
    if live.image is not None and newest(app.releases, digest_of(live.image)) is None:
        yield found_release(app.name, app.id, app.next_release, live.image)


def found_release(app: str, app_id: str, number: int, image: str) -> ReleaseCreated:
    """The release that an image is that was live before we came."""
    return ReleaseCreated(
        app=app, app_id=app_id, release=number, image=image, config_fingerprint=NO_CONFIG, origin="found"
    )


def generation_of(live: Live) -> int:
    """The generation that counts; one that we can't have come to was left by something else, as 0 is."""
    return live.generation if live.generation <= HIGHEST else 0


def is_news(team: Team, app: App, stack: str, live: Live | None, asked_at: int | None) -> bool:
    """Whether a sight tells more than is known: a late one never overrides a deployment.

    asked_at: the sequence at which a look was asked for; None: it was not looked for.
    """
    if stack not in app.stacks or (live is not None and live.is_foreign(team.name)):
        return False
    known = app.live.get(stack)
    if known is None:
        return True
    if live is not None and 0 < generation_of(live) >= known.generation:
        return True
    return asked_at is not None and known.sequence <= asked_at


def holding_of(app: App, stack: str, live: Live, sequence: int) -> Holding:
    """What a stack holds, as far as it is one of our releases."""
    release = app.releases.get(live.release) if live.release is not None and live.app_id == app.id else None
    ours = release is not None and live.image is not None and digest_of(release.image) == digest_of(live.image)
    return Holding(
        image=live.image,
        config_fingerprint=release.config.fingerprint_on(stack) if release is not None and ours else NO_CONFIG,
        generation=generation_of(live),
        deployment=live.deployment,
        release=live.release if ours else None,
        sequence=sequence,
        reference=live.reference,
    )


def see(team: Team, app_name: str, stack: str, live: Live | None, asked_at: int | None) -> None:
    """Fold what is live on a stack."""
    if live is not None:
        place = (app_name, stack)
        team.generations[place] = max(team.generations.get(place, 0), generation_of(live))
    app = team.apps.get(app_name)
    if app is None or not is_news(team, app, stack, live, asked_at):
        return
    if live is None:
        app.live.pop(stack, None)
    else:
        app.live[stack] = holding_of(app, stack, live, team.sequence)
        note_live(app, stack)


def hold_as(app: App, stack: str, release: int | None) -> None:
    """Fold: what the stack holds is the same as this newer release."""
    holding = app.live.get(stack)
    if holding is not None and release is not None:
        config = app.releases[release].config.fingerprint_on(stack)
        app.live[stack] = holding._replace(release=release, config_fingerprint=config)
        app.was_live.add(release)


def note_live(app: App, stack: str) -> None:
    """Fold: the release that the stack holds has been live."""
    holding = app.live.get(stack)
    if holding is not None and holding.digest is not None:
        number = holding.release or newest(app.releases, holding.digest)
        if number is not None:
            app.was_live.add(number)


@evolves(StackObserved)
def observed(team: Team, fact: StackObserved) -> None:
    end_grant(team, place_of(fact), fact.run)
    job = team.jobs.get(fact.job)
    is_look = job is not None and job.kind == "look" and job.place == place_of(fact)
    see(team, fact.app, fact.stack, fact.live, job.asked_at if job is not None and is_look else None)
    if is_look:
        close_job(team, fact.job)
        if (app := team.apps.get(fact.app)) is not None:
            app.looks.pop(fact.stack, None)


def again_at(team: Team, app: str, stack: str, moment: Moment) -> int:
    """When to look again after one more failure: ms since the epoch."""
    known = team.apps.get(app)
    failures = known.looks.get(stack, 0) if known else 0
    return moment.now + int(min(AGAIN_FIRST * 2 ** min(failures, 10), AGAIN_MOST))


@evolves(StackLookFailed)
def look_has_failed(team: Team, fact: StackLookFailed) -> None:
    end_grant(team, (fact.app, fact.stack), fact.run)
    close_job(team, fact.job)
    app = team.apps.get(fact.app)
    if app is not None and fact.stack in app.stacks and fact.again_at is not None:
        app.looks[fact.stack] = app.looks.get(fact.stack, 0) + 1
        team.timers.set(f"look:{fact.app}@{fact.stack}", fact.again_at)


@evolves(ReleaseCreated)
def release_created(team: Team, fact: ReleaseCreated) -> None:
    app = team.apps[fact.app]
    rollout = team.rollouts.get(fact.rollout) if fact.rollout is not None else None
    image_of = rollout.rolled_back_to if rollout is not None else None
    if fact.origin == "config":
        image_of = newest(app.releases, digest_of(fact.image))
    config = app.config if fact.origin != "found" else EMPTY
    release = app.releases[fact.release] = Release(fact.image, config, image_of)
    if fact.origin != "found":
        return
    app.was_live.add(fact.release)
    for stack, holding in app.live.items():  # whoever deployed it may have run its release task
        if holding.digest == release.digest:
            app.release_tasks.setdefault(fact.release, {})[stack] = False
