"""Pipelines: which apps are the stages on the way to a production app."""

from __future__ import annotations

from collections.abc import Iterator

from ownstack_contracts.message import Message
from ownstack_contracts.pipelines import PipelineCreated, PipelineRemoved, StageRemoved, StagingAdded
from ownstack_promoter.dispatch import Moment, decides, evolves
from ownstack_promoter.model import Pipeline
from ownstack_promoter.refused import Refused
from ownstack_promoter.team import Team, listed, promotion_open


@decides(PipelineCreated)
def create_pipeline(team: Team, command: PipelineCreated, _: Moment) -> Iterator[Message]:
    production = team.app(command.production)
    _refuse_member(team, production.name)
    yield command


def _refuse_member(team: Team, app: str) -> None:
    if other := team.pipeline_with(app):
        raise Refused(
            "app-in-pipeline",
            f"{app} is a stage of the pipeline of {other.name} already.",
            hint=f"ownstack app pipeline info {other.name}",
        )
    if app in team.reviews:
        raise Refused(
            "review-app",
            f"{app} is a review app: it goes with its pull request, and can be no stage.",
            hint=f"ownstack app clone {app} NAME --stack S makes an app of its own",
        )


@evolves(PipelineCreated)
def pipeline_created(team: Team, fact: PipelineCreated) -> None:
    team.pipelines[fact.production] = Pipeline(fact.production, [fact.production])


@decides(PipelineRemoved)
def remove_pipeline(team: Team, command: PipelineRemoved, _: Moment) -> Iterator[Message]:
    for stage in team.pipeline(command.production).stages:
        _refuse_open_promotion(team, stage)
    yield command


def _refuse_open_promotion(team: Team, stage: str) -> None:
    for rollout in team.rollouts.values():
        if rollout.kind == "promotion" and rollout.state != "ended" and stage in (rollout.app, rollout.source):
            raise promotion_open(stage, rollout.id, rollout.source or "", rollout.app)
    for looking in team.lookings.values():
        if stage in (looking.source, looking.target):
            raise promotion_open(stage, looking.id, looking.source, looking.target)


@evolves(PipelineRemoved)
def pipeline_removed(team: Team, fact: PipelineRemoved) -> None:
    del team.pipelines[fact.production]
    for known in [known for known in team.closed_reviews if known[0] == fact.production]:
        del team.closed_reviews[known]


@decides(StagingAdded)
def add_staging(team: Team, command: StagingAdded, _: Moment) -> Iterator[Message]:
    pipeline = team.pipeline(command.production)
    _refuse_member(team, team.app(command.staging).name)
    position_before(pipeline, command.before)
    yield command


def position_before(pipeline: Pipeline, before: str | None) -> int:
    """Where a new stage comes: just before production, or before `before`; refuses an unknown stage."""
    if before is None:
        return len(pipeline.stages) - 1
    _refuse_no_stage(pipeline, before)
    return pipeline.stages.index(before)


def _refuse_no_stage(pipeline: Pipeline, stage: str) -> None:
    if stage not in pipeline.stages:
        raise Refused(
            "stage-unknown",
            f"{stage} is no stage of {pipeline.name}; its stages are {listed(pipeline.stages)}.",
            hint=f"ownstack app pipeline info {pipeline.name}",
        )


@evolves(StagingAdded)
def staging_added(team: Team, fact: StagingAdded) -> None:
    pipeline = team.pipelines[fact.production]
    pipeline.stages.insert(position_before(pipeline, fact.before), fact.staging)


@decides(StageRemoved)
def remove_stage(team: Team, command: StageRemoved, _: Moment) -> Iterator[Message]:
    pipeline = team.pipeline(command.production)
    _refuse_no_stage(pipeline, command.stage)
    if command.stage == pipeline.name:
        raise Refused(
            "production-stage",
            f"{pipeline.name} is the production app: without it there is no pipeline.",
            hint=f"ownstack app pipeline remove {pipeline.name}",
        )
    _refuse_open_promotion(team, command.stage)
    yield command


@evolves(StageRemoved)
def stage_removed(team: Team, fact: StageRemoved) -> None:
    team.pipelines[fact.production].stages.remove(fact.stage)
