"""Promotions: the current release of a stage goes to the next one; and how a promotion is cancelled."""

from __future__ import annotations

from collections.abc import Iterator

from ownstack_contracts.leases import JobClosed
from ownstack_contracts.message import Message
from ownstack_contracts.outcomes import StackDeployCancelled
from ownstack_contracts.promotions import (
    PromotionBegun,
    PromotionCancelled,
    PromotionCancelRequested,
    PromotionOpened,
    PromotionRequested,
)
from ownstack_promoter.change import Change, Ended
from ownstack_promoter.deployments import end_deployment, rollout_of, skip_those_that_waited
from ownstack_promoter.dispatch import Moment, decides, evolves
from ownstack_promoter.endings import cancelled_in_queue
from ownstack_promoter.model import App
from ownstack_promoter.refused import Refused
from ownstack_promoter.rollouts import admit, conclude, refuse_taken, stacks_of
from ownstack_promoter.sources import look_at_source
from ownstack_promoter.team import Team, refuse_stackless
from ownstack_promoter.underway import Looking, Rollout


@decides(PromotionRequested)
def promote(team: Team, command: PromotionRequested, moment: Moment) -> Iterator[Message]:
    source = team.app(command.app)
    target = _next_stage(team, source)
    refuse_taken(team, moment.id)
    stacks = stacks_of(team, target, command.stacks)
    if command.release is None:
        begun = PromotionBegun(
            promotion=moment.id,
            source=source.name,
            source_release=_release_to_promote(team, source),
            looked_at=tuple(source.stacks),
            target=target.name,
            target_app_id=target.id,
            stacks=stacks,
            redeploy=command.redeploy,
            requester=moment.actor,
        )
        yield command
        yield begun
        yield from look_at_source(team, source, moment)
        return
    refuse_unknown_release(source, command.release)
    yield command
    looking = Looking(
        moment.id,
        source.name,
        command.release,
        target.name,
        target.id,
        stacks,
        command.redeploy,
        moment.actor,
        looks=set(),
    )
    yield from open_promotion(team, looking, command.release, source.releases[command.release].image, moment)


def open_promotion(team: Team, looking: Looking, release: int, image: str, moment: Moment) -> Iterator[Message]:
    """It is known what is promoted: that is recorded for good, and the rollout starts or waits."""
    opened = PromotionOpened(
        promotion=looking.id,
        source=looking.source,
        source_release=release,
        target=looking.target,
        target_app_id=looking.target_app_id,
        image=image,
        config_fingerprint=team.apps[looking.target].config.fingerprint,
        stacks=looking.stacks,
        redeploy=looking.redeploy,
        requester=looking.requester,
    )
    yield opened
    yield from admit(team, rollout_of_promotion(opened), team.apps[opened.target], moment)


def _next_stage(team: Team, source: App) -> App:
    pipeline = team.pipeline_with(source.name)
    if pipeline is None:
        raise Refused(
            "not-in-pipeline",
            f"{source.name} is a stage of no pipeline.",
            hint=f"ownstack app pipeline add-staging PRODUCTION {source.name}",
        )
    if source.name == pipeline.stages[-1]:
        raise Refused(
            "last-stage",
            f"{source.name} is the last stage of its pipeline: there is nowhere to promote to.",
            hint=f"ownstack app pipeline info {pipeline.name}",
        )
    return team.app(pipeline.stages[pipeline.stages.index(source.name) + 1])


def refuse_unknown_release(app: App, release: int) -> None:
    """Refuses a release that the app does not have."""
    if release not in app.releases:
        raise Refused(
            "release-unknown", f"{app.name} has no release v{release}.", hint=f"ownstack release list {app.name}"
        )


def _release_to_promote(team: Team, source: App) -> int | None:
    """What is known to be live on the source, before it is looked at; None: nothing, or nothing on all its stacks."""
    if source.active is not None:
        raise Refused(
            "rollout-active",
            f"{source.name} is being deployed itself: {source.active}.",
            hint="wait for its end, or name a release with --release",
        )
    refuse_stackless(source)
    return team.current_release(source)


def rollout_of_promotion(fact: PromotionOpened) -> Rollout:
    """The rollout that carries out a promotion."""
    return Rollout(
        id=fact.promotion,
        kind="promotion",
        app=fact.target,
        app_id=fact.target_app_id,
        image=fact.image,
        stacks=tuple(fact.stacks),
        redeploy=fact.redeploy,
        source=fact.source,
        source_release=fact.source_release,
    )


@evolves(PromotionOpened)
def promotion_opened(team: Team, fact: PromotionOpened) -> None:
    team.end_looking(fact.promotion)
    team.leave_to(fact.target, fact.promotion, fact.stacks)
    team.rollouts[fact.promotion] = rollout_of_promotion(fact)


@decides(PromotionCancelRequested)
def cancel(team: Team, command: PromotionCancelRequested, moment: Moment) -> Iterator[Message]:
    if (looking := team.lookings.get(command.promotion)) is not None:
        yield command
        yield PromotionCancelled(promotion=looking.id, source=looking.source, target=looking.target)
        return
    rollout = team.rollouts.get(command.promotion)
    if rollout is None or rollout.kind != "promotion" or rollout.state == "ended":
        raise Refused(
            "promotion-not-open",
            f"There is no open promotion {command.promotion}.",
            hint="ownstack promotion list",
        )
    if rollout.state == "queued":
        yield command
        yield cancelled_in_queue(rollout)
        return
    change = Change(cancelled=True)
    facts = list(cancel_what_has_not_begun(rollout, change))
    if not facts:
        raise Refused(
            "nothing-to-cancel",
            "Every stack has begun; what has begun is finished.",
            hint=f"ownstack promotion info {rollout.id}",
        )
    yield command
    yield from facts
    yield from conclude(team, rollout, change, moment)


def cancel_what_has_not_begun(rollout: Rollout, change: Change) -> Iterator[Message]:
    """Its stacks that nobody was granted yet, and those that wait for the first one."""
    for stack in rollout.stacks:
        deployment = rollout.deployments[stack]
        if deployment.state == "asked" and deployment.job is not None:
            change.ended[stack] = Ended("cancelled")
            yield StackDeployCancelled(job=deployment.job, deployment=deployment.id, app=rollout.app, stack=stack)
            yield JobClosed(job=deployment.job, app=rollout.app, stack=stack, reason="cancelled")
    yield from skip_those_that_waited(rollout, change, "cancelled")


@evolves(PromotionCancelRequested)
def cancel_requested(team: Team, fact: PromotionCancelRequested) -> None:
    if fact.promotion not in team.lookings:
        team.rollouts[fact.promotion].cancelled = True


@evolves(StackDeployCancelled)
def stack_deploy_cancelled(team: Team, fact: StackDeployCancelled) -> None:
    rollout_of(team, team.jobs[fact.job]).cancelled = True
    end_deployment(team, fact.job, Ended("cancelled"))
