"""Pipelines: which apps are the stages on the way to production."""

from __future__ import annotations

import pytest
from tests.unit.promoter.story import Story, of, shop

from ownstack_contracts.apps import AppDestroyed
from ownstack_contracts.jobs import StackDeployRequested
from ownstack_contracts.pipelines import PipelineCreated, PipelineRemoved, StageRemoved, StagingAdded
from ownstack_contracts.promotions import PromotionRequested


def test_a_new_stage_comes_just_before_production_or_before_another() -> None:
    story = Story()
    for app in ("dev", "qa", "beta", "shop"):
        story.app(app)
    story.say(PipelineCreated(production="shop"))
    story.say(StagingAdded(production="shop", staging="dev"))
    story.say(StagingAdded(production="shop", staging="beta"))
    story.say(StagingAdded(production="shop", staging="qa", before="beta"))
    assert story.team.pipelines["shop"].stages == ["dev", "qa", "beta", "shop"]


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (PipelineCreated(production="nobody"), "app-unknown"),
        (PipelineCreated(production="shop"), "app-in-pipeline"),
        (PipelineCreated(production="shop-staging"), "app-in-pipeline"),
        (PipelineRemoved(production="other"), "pipeline-unknown"),
        (StagingAdded(production="other", staging="shop"), "pipeline-unknown"),
        (StagingAdded(production="shop", staging="nobody"), "app-unknown"),
        (StagingAdded(production="shop", staging="shop-staging"), "app-in-pipeline"),
        (StagingAdded(production="shop", staging="other", before="nobody"), "stage-unknown"),
        (StageRemoved(production="shop", stage="other"), "stage-unknown"),
        (StageRemoved(production="shop", stage="shop"), "production-stage"),
    ],
)
def test_what_does_not_hold_is_refused(command: PipelineCreated, code: str) -> None:
    story = shop("eu-1")
    story.app("other")
    assert story.refused(command) == code


def test_a_stage_with_an_open_promotion_stays_until_it_has_ended() -> None:
    story = shop("eu-1")
    (request,) = of(StackDeployRequested, story.promote("shop-staging"))
    assert story.refused(StageRemoved(production="shop", stage="shop-staging")) == "promotion-open"
    assert story.refused(PipelineRemoved(production="shop")) == "promotion-open"
    story.finish(story.succeed(request))
    story.say(StageRemoved(production="shop", stage="shop-staging"))
    story.say(PipelineRemoved(production="shop"))
    story.say(AppDestroyed(app="shop"))


def test_a_removed_pipeline_frees_its_apps() -> None:
    story = shop("eu-1")
    story.say(PipelineRemoved(production="shop"))
    story.say(PipelineCreated(production="shop-staging"))
    assert story.refused(PromotionRequested(app="shop")) == "not-in-pipeline"
