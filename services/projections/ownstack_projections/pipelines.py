"""Pipelines: their stages in order, and whether pull requests get review apps; of each app the pipeline it is in."""

from __future__ import annotations

from ownstack_contracts.pipelines import PipelineCreated, PipelineRemoved, StageRemoved, StagingAdded
from ownstack_contracts.reviews import ReviewAppsDisabled, ReviewAppsEnabled
from ownstack_projections.dispatch import projects
from ownstack_projections.facts import Stamp
from ownstack_projections.rows import PipelineRow
from ownstack_projections.tables import Rows


@projects(PipelineCreated)
def pipeline_created(rows: Rows, fact: PipelineCreated, stamp: Stamp) -> None:
    rows.pipelines.put(PipelineRow(stamp.team, fact.production, stamp.at, [fact.production]))
    rows.apps.edit(stamp.team, fact.production).pipeline = fact.production


@projects(PipelineRemoved)
def pipeline_removed(rows: Rows, fact: PipelineRemoved, stamp: Stamp) -> None:
    for stage in rows.pipelines.edit(stamp.team, fact.production).stages:
        rows.apps.edit(stamp.team, stage).pipeline = None
    rows.pipelines.delete(stamp.team, fact.production)


@projects(StagingAdded)
def staging_added(rows: Rows, fact: StagingAdded, stamp: Stamp) -> None:
    stages = rows.pipelines.edit(stamp.team, fact.production).stages
    stages.insert(len(stages) - 1 if fact.before is None else stages.index(fact.before), fact.staging)
    rows.apps.edit(stamp.team, fact.staging).pipeline = fact.production


@projects(StageRemoved)
def stage_removed(rows: Rows, fact: StageRemoved, stamp: Stamp) -> None:
    rows.pipelines.edit(stamp.team, fact.production).stages.remove(fact.stage)
    rows.apps.edit(stamp.team, fact.stage).pipeline = None


@projects(ReviewAppsEnabled)
def review_apps_enabled(rows: Rows, fact: ReviewAppsEnabled, stamp: Stamp) -> None:
    rows.pipelines.edit(stamp.team, fact.production).review_apps = fact.model_dump(exclude={"production"})


@projects(ReviewAppsDisabled)
def review_apps_disabled(rows: Rows, fact: ReviewAppsDisabled, stamp: Stamp) -> None:
    rows.pipelines.edit(stamp.team, fact.production).review_apps = None
