"""Drained while deployments are under way: their post-deploys are carried out, if they come while it is there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.integration.deployer.circle import PROGRAM, Circle
from tests.integration.deployer.programs import IMAGE, until

from ownstack_contracts.apps import AppCreated
from ownstack_contracts.pipelines import PipelineCreated, StagingAdded
from ownstack_contracts.promotions import PromotionRequested
from ownstack_contracts.rollouts import DeployRequested
from ownstack_contracts.stacks import StackAdded

STACKS = ("eu-1", "us-1", "ap-1")
FOREVER = 1_000
"""Longer than a test may take: whoever waits for it is found out."""


@pytest.fixture
async def circle(tmp_path: Path) -> AsyncIterator[Circle]:
    async with Circle(tmp_path) as circle:
        circle.folder.script(PROGRAM)
        yield circle


async def test_the_post_deploy_of_a_promotion_that_is_finished_meanwhile_has_run_when_it_ends(circle: Circle) -> None:
    deployer = circle.deployer(postdeploy_grace=FOREVER)
    await circle.has_app("eu-1")
    await circle.says(
        StackAdded(stack="st-1", driver="program", address=str(circle.folder.program), settings={}),
        AppCreated(app="staging", stacks=("st-1",)),
        PipelineCreated(production="shop"),
        StagingAdded(production="shop", staging="staging"),
        DeployRequested(app="staging", image=IMAGE),
    )
    await circle.comes("DeploySucceeded")
    circle.folder.gate("eu-1.restart")
    await circle.says(PromotionRequested(app="staging"))
    await until(lambda: circle.journal("eu-1")[-1] == "restart")

    draining = asyncio.create_task(deployer.drain())
    await circle.folder.open("eu-1.restart")
    await draining
    assert circle.journal("eu-1")[-2:] == ["post-deploy", "post-deploy done"]
    await circle.comes("PromotionSucceeded")

    circle.deployer()
    await circle.until(lambda: circle.count["JobClosed"] == 2)  # so it is told of both jobs
    assert circle.journal("eu-1").count("post-deploy") == 1
    assert circle.count["LeaseLapsed"] == 0


async def test_so_has_one_on_another_stack_that_went_live_earlier(circle: Circle) -> None:
    deployer = circle.deployer(postdeploy_grace=5)
    await circle.has_app(*STACKS)
    circle.folder.gate("eu-1.restart")
    await circle.deploys()
    await circle.until(lambda: circle.count["StackDeploySucceeded"] == 2 and circle.count["RestartStarted"] == 3)
    draining = asyncio.create_task(deployer.drain())
    await circle.folder.open("eu-1.restart")
    await circle.comes("DeploySucceeded")
    stack = circle.of("PostdeployRequested")[0]["data"]["stack"]
    assert stack != "eu-1"
    assert circle.journal(stack)[-1] == "post-deploy done"
    draining.cancel()  # it waits on, for a script of eu-1 itself, which some apps want
