"""Promotions: the current release of a stage goes to the next one; and how a promotion is cancelled."""

from __future__ import annotations

from collections.abc import Iterator

from ownstack_contracts.apps import NO_CONFIG
from ownstack_contracts.jobs import JobClosed, StackDeployCancelled
from ownstack_contracts.message import Message
from ownstack_contracts.promotions import PromotionCancelRequested, PromotionOpened, PromotionRequested
from ownstack_promoter.change import Change, Ended
from ownstack_promoter.deployments import end_deployment, skip_those_that_waited
from ownstack_promoter.dispatch import Moment, decides, evolves
from ownstack_promoter.endings import cancelled_in_queue
from ownstack_promoter.model import App, Rollout
from ownstack_promoter.refused import Refused
from ownstack_promoter.rollouts import admit, conclude, stacks_of
from ownstack_promoter.team import Team, listed


@decides(PromotionRequested)
def promote(team: Team, command: PromotionRequested, moment: Moment) -> Iterator[Message]:
    source = team.app(command.app)
    target = _next_stage(team, source)
    number = _release_to_promote(team, source, command.release)
    opened = PromotionOpened(
        promotion=moment.id,
        source=source.name,
        source_release=number,
        target=target.name,
        target_app_id=target.id,
        image=source.releases[number].image,
        config_fingerprint=NO_CONFIG,
        stacks=stacks_of(team, target, command.stacks),
        redeploy=command.redeploy,
        requester=moment.actor,
    )
    yield command
    yield opened
    yield from admit(team, rollout_of_promotion(opened), moment)


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


def _release_to_promote(team: Team, source: App, named: int | None) -> int:
    if named is not None:
        if named not in source.releases:
            raise Refused(
                "release-unknown",
                f"{source.name} has no release v{named}.",
                hint=f"ownstack release list {source.name}",
            )
        return named
    if source.active is not None:
        raise Refused(
            "rollout-active",
            f"{source.name} is being deployed itself: {source.active}.",
            hint="wait for its end, or name a release with --release",
        )
    current = team.current_release(source)
    if current is None:
        raise _nothing_current(source)
    return current


def _nothing_current(source: App) -> Refused:
    if not source.live:
        return Refused(
            "nothing-to-promote",
            f"Nothing is known to be live on {source.name}.",
            hint=f"ownstack deploy {source.name} --image repo@sha256:…",
        )
    held = (f"{_held(source, stack)} on {stack}" for stack in source.stacks)
    return Refused(
        "release-mixed",
        f"{source.name} has no release that is live on all its stacks: {listed(held)}.",
        hint=f"ownstack retry {source.name} --stack STACK, or name a release with --release",
    )


def _held(source: App, stack: str) -> str:
    holding = source.live.get(stack)
    if holding is None:
        return "nothing"
    return f"v{holding.release}" if holding.release is not None else "an unknown image"


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
    team.rollouts[fact.promotion] = rollout_of_promotion(fact)


@decides(PromotionCancelRequested)
def cancel(team: Team, command: PromotionCancelRequested, moment: Moment) -> Iterator[Message]:
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
    facts = list(_cancel_what_has_not_begun(rollout, change))
    if not facts:
        raise Refused(
            "nothing-to-cancel",
            "Every stack has begun; what has begun is finished.",
            hint=f"ownstack promotion info {rollout.id}",
        )
    yield command
    yield from facts
    yield from conclude(team, rollout, change, moment)


def _cancel_what_has_not_begun(rollout: Rollout, change: Change) -> Iterator[Message]:
    for stack in rollout.stacks:
        deployment = rollout.deployments[stack]
        if deployment.state == "asked" and deployment.job is not None:
            change.ended[stack] = Ended("cancelled")
            yield StackDeployCancelled(job=deployment.job, deployment=deployment.id, app=rollout.app, stack=stack)
            yield JobClosed(job=deployment.job, app=rollout.app, stack=stack, reason="cancelled")
    yield from skip_those_that_waited(rollout, change, "cancelled")


@evolves(PromotionCancelRequested)
def cancel_requested(team: Team, fact: PromotionCancelRequested) -> None:
    team.rollouts[fact.promotion].cancelled = True


@evolves(StackDeployCancelled)
def stack_deploy_cancelled(team: Team, fact: StackDeployCancelled) -> None:
    end_deployment(team, fact.job, Ended("cancelled"))
