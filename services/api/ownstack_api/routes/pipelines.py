"""Pipelines: ordered stages, the production app last."""

from __future__ import annotations

from starlette.responses import Response

from ownstack_api.auth import Caller
from ownstack_api.forms import NewPipeline, NewStage
from ownstack_api.openapi import problems
from ownstack_api.outcomes import answer
from ownstack_api.paging import Wanted, found
from ownstack_api.parts import House
from ownstack_api.preferences import Wait
from ownstack_api.publishing import Keyed
from ownstack_api.routes.common import COMMAND, Production, Stage, router
from ownstack_contracts.pipelines import PipelineCreated, PipelineRemoved, StageRemoved, StagingAdded
from ownstack_readmodel.views import Page, PipelineView

routes = router("pipelines")


@routes.post("/pipelines", **COMMAND)
async def create_pipeline(house: House, who: Caller, keys: Keyed, wait: Wait, form: NewPipeline) -> Response:
    """Give an app a pipeline, of which it is the last stage."""
    return await answer(house, who, PipelineCreated(production=form.production), keys, wait)


@routes.delete("/pipelines/{production}", **COMMAND)
async def remove_pipeline(house: House, who: Caller, keys: Keyed, wait: Wait, production: Production) -> Response:
    """Remove a pipeline; its apps are free."""
    return await answer(house, who, PipelineRemoved(production=production), keys, wait)


@routes.post("/pipelines/{production}/stages", **COMMAND)
async def add_stage(
    house: House, who: Caller, keys: Keyed, wait: Wait, production: Production, form: NewStage
) -> Response:
    """Put an app into a pipeline: just before production, or before another stage."""
    command = StagingAdded(production=production, staging=form.staging, before=form.before)
    return await answer(house, who, command, keys, wait)


@routes.delete("/pipelines/{production}/stages/{stage}", **COMMAND)
async def remove_stage(
    house: House, who: Caller, keys: Keyed, wait: Wait, production: Production, stage: Stage
) -> Response:
    """Take a stage out of a pipeline."""
    return await answer(house, who, StageRemoved(production=production, stage=stage), keys, wait)


@routes.get("/pipelines")
async def pipelines(house: House, who: Caller, part: Wanted) -> Page[PipelineView]:
    """All pipelines, by name."""
    return await house.readmodel.pipelines(who.team, part.limit, part.cursor)


@routes.get("/pipelines/{production}", responses=problems(404))
async def pipeline(house: House, who: Caller, production: Production) -> PipelineView:
    """A pipeline with its stages in order, and what each runs."""
    return found(await house.readmodel.pipeline(who.team, production), "pipeline", production)
