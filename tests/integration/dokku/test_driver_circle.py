"""The circle with a Dokku server: promoter, bus and deployer together, from a command to what runs."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.integration.deployer.circle import Circle
from tests.integration.dokku.driving import APP, Stand

from ownstack_contracts.apps import AppCreated
from ownstack_contracts.rollouts import DeployRequested, RunRequested
from ownstack_contracts.stacks import CheckRequested, StackAdded
from ownstack_contracts.teams import TeamCreated
from ownstack_deployer.main import Deployer
from ownstack_deployer.settings import Settings


async def has_shop(circle: Circle, stand: Stand) -> None:
    """A team with an app on the server, and a deployer."""
    deployer = Deployer(circle.bus, Settings(name="d1", state=stand.folder / "state"), {"dokku": stand.driver})
    circle._tasks.append(asyncio.create_task(deployer.run()))
    await circle.says(
        TeamCreated(),
        StackAdded(stack="eu-1", driver="dokku", address=stand.address, settings=stand.settings),
        AppCreated(app=APP, stacks=("eu-1",)),
    )
    await circle.comes("StackObserved")


async def test_an_app_is_deployed_checked_and_a_command_run_in_it(stand: Stand, tmp_path: Path) -> None:
    stand.server.add_image("seeded", files={"app.json": '{"scripts": {"postdeploy": "echo seeded"}}'})
    async with Circle(tmp_path) as circle:
        await has_shop(circle, stand)
        await circle.says(DeployRequested(app=APP, image=stand.deploy("seeded").image))
        end = await circle.comes("DeploySucceeded", "DeployFailed", "DeployPartiallySucceeded")
        assert end["type"] == "DeploySucceeded"
        assert stand.server.live(APP) == stand.server.image("seeded")
        assert circle.count["PostdeploySucceeded"] == 1

        await circle.says(CheckRequested(stack="eu-1"), RunRequested(app=APP, stack="eu-1", command=("echo", "a  b")))
        ended = await circle.comes("StackRunEnded", "StackRunFailed")
        assert (ended["type"], ended["data"]["exit_code"], ended["data"]["lines"]) == ("StackRunEnded", 0, 1)
        checked = await circle.comes("StackChecked")
        assert (checked["data"].get("code"), checked["data"]["deployer"]) == (None, "d1")
        printed = await circle.printed()
    assert {"=====> Application deployed:", "seeded", "a  b"} <= set(printed)
