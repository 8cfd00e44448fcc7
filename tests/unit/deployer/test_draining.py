"""What comes of deployments that are finished while the deployer is drained: their post-deploys."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from tests.unit.deployer.fakes import idle, until
from tests.unit.deployer.requests import KEY, deploy, postdeploy
from tests.unit.deployer.scene import Scene
from tests.unit.deployer.test_main import House

from ownstack_bus.port import Record
from ownstack_contracts.envelope import encode
from ownstack_contracts.jobs import PostdeployRequested
from ownstack_contracts.leases import JobClaimed, JobClosed, JobGranted
from ownstack_contracts.message import Message
from ownstack_deployer.tailing import TailInbox

FOREVER = 1_000.0
"""Longer than a test may take: whoever waits for it is found out."""


@pytest.fixture
async def house() -> AsyncIterator[House]:
    house = House(postdeploy_grace=FOREVER, claim_every=FOREVER)
    yield house
    house.running.cancel()
    await asyncio.gather(house.running, return_exceptions=True)


async def finishes(house: House) -> asyncio.Task[None]:
    """A deployment is finished while the deployer is drained."""
    gate = await house.begins("restart")
    draining = asyncio.create_task(house.deployer.drain())
    await idle()
    gate.set()
    await until(lambda: house.bus.said[-1] == "StackDeploySucceeded")
    return draining


def follows(house: House, message: Message | bytes) -> None:
    """A record comes for whoever follows the topic."""
    value = message if isinstance(message, bytes) else encode(message, source="/p", team="acme", id="fact/9")
    house.bus.tailed.put(value)


def granted(claim: JobClaimed, **changes: Any) -> JobGranted:
    """The promoter grants this claim of a post-deploy."""
    fields: dict[str, Any] = {"run": claim.run, "running_until": 1_060_000, **changes}
    return JobGranted(
        job=claim.job,
        kind="postdeploy",
        app=claim.app,
        stack=claim.stack,
        lease=60,
        uncertain=False,
        release_task_done=False,
        **fields,
    )


async def claims(house: House) -> JobClaimed:
    """The deployer has claimed a second job."""
    await until(lambda: house.bus.said.count("JobClaimed") == 2)
    (claim,) = [m for m in house.bus.messages() if isinstance(m, JobClaimed) and "postdeploy" in m.job]
    return claim


async def test_the_post_deploy_of_what_was_finished_is_carried_out_before_it_ends(house: House) -> None:
    draining = await finishes(house)
    follows(house, postdeploy())
    claim = await claims(house)
    gate = house.driver.gate("post-deploy")
    follows(house, granted(claim))
    await until(lambda: "post-deploy" in house.driver.done)
    assert not draining.done()
    gate.set()
    await draining
    await house.running
    assert house.bus.said[-2:] == ["PostdeployStarted", "PostdeploySucceeded"]
    assert house.bus.inbox.acknowledged == []


async def test_so_is_that_of_what_ended_while_the_group_was_being_left(house: House) -> None:
    house.bus.leaves.clear()
    draining = await finishes(house)
    await idle()
    house.bus.leaves.set()
    follows(house, postdeploy())
    follows(house, granted(await claims(house)))
    await draining
    assert house.bus.said[-1] == "PostdeploySucceeded"


async def test_it_is_claimed_once_though_it_is_asked_for_twice(house: House) -> None:
    draining = await finishes(house)
    follows(house, postdeploy())
    follows(house, postdeploy())
    claim = await claims(house)
    follows(house, granted(claim))
    await draining
    assert house.bus.said.count("JobClaimed") == 2


async def test_one_that_is_granted_to_another_run_is_not_carried_out_and_holds_up_nothing(house: House) -> None:
    draining = await finishes(house)
    follows(house, postdeploy())
    claim = await claims(house)
    follows(house, granted(claim, run="other"))
    await draining
    assert "post-deploy" not in house.driver.done
    assert house.bus.said[-1] == "LeaseReturned"


async def test_one_that_is_closed_is_not_carried_out_and_holds_up_nothing(house: House) -> None:
    draining = await finishes(house)
    follows(house, postdeploy())
    claim = await claims(house)
    follows(house, JobClosed(job=claim.job, app="shop", stack="eu-1", reason="ended"))
    await draining
    assert "post-deploy" not in house.driver.done


def of_another_stack(rollout: str = "r1") -> PostdeployRequested:
    changes = {"job": f"{rollout}.us-1.postdeploy.1", "deployment": f"{rollout}.us-1", "stack": "us-1"}
    return postdeploy().model_copy(update={**changes, "rollout": rollout})


async def test_that_of_another_stack_is_claimed_only_once_all_has_ended_here(house: House) -> None:
    gate = await house.begins("restart")
    draining = asyncio.create_task(house.deployer.drain())
    follows(house, of_another_stack())
    await idle()
    assert house.bus.said.count("JobClaimed") == 1
    gate.set()
    await until(lambda: house.bus.said[-1] == "StackDeploySucceeded")
    follows(house, of_another_stack())
    assert (await claims(house)).stack == "us-1"
    draining.cancel()


async def test_what_is_of_others_or_unreadable_is_left_to_others(house: House) -> None:
    draining = await finishes(house)
    follows(house, of_another_stack("r2"))
    follows(house, b"PostdeployRequested, they say")
    follows(house, deploy(attempt=2))
    await idle()
    assert house.bus.said.count("JobClaimed") == 1
    assert not draining.done()
    draining.cancel()


async def test_when_the_bus_fails_what_has_begun_is_finished_all_the_same(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    house.bus.tail_fails = True
    await (await finishes(house))
    await house.running
    assert "can't be followed" in caplog.text
    assert house.driver.cancelled == []


async def test_when_the_bus_fails_a_claim_waits_no_longer(house: House) -> None:
    draining = await finishes(house)
    follows(house, postdeploy())
    await claims(house)
    house.bus.tail_fails = True
    house.bus.tailed.wake()
    await draining
    assert house.bus.said[-1] == "LeaseReturned"


async def test_cancelled_it_cancels_no_run_and_can_be_drained_again(house: House) -> None:
    gate = await house.begins("restart")
    draining = asyncio.create_task(house.deployer.drain())
    await idle()
    draining.cancel()
    await asyncio.wait([draining])
    again = asyncio.create_task(house.deployer.drain())
    await idle()
    gate.set()
    await until(lambda: house.bus.said[-1] == "StackDeploySucceeded")
    follows(house, postdeploy())
    follows(house, granted(await claims(house)))
    await again
    await house.running
    assert house.driver.cancelled == []
    assert house.bus.said[-1] == "PostdeploySucceeded"


async def test_cancelled_while_it_waits_for_an_answer_it_gives_the_claim_back(house: House) -> None:
    draining = await finishes(house)
    follows(house, postdeploy())
    await claims(house)
    draining.cancel()
    await asyncio.wait([draining])
    await until(lambda: house.bus.said[-1] == "LeaseReturned")
    await house.deployer.drain()
    await house.running


@pytest.mark.parametrize("phase", ["lock", "look"])
async def test_nothing_is_waited_for_when_all_was_given_back(house: House, phase: str) -> None:
    await house.begins(phase)
    await house.deployer.drain()
    await house.running
    assert house.bus.said == ["JobClaimed", "LeaseReturned"]


async def test_when_none_is_asked_for_it_ends_after_the_grace() -> None:
    house = House(postdeploy_grace=0.05)
    draining = await finishes(house)
    assert not draining.done()
    await draining
    await house.running
    assert house.bus.said[-1] == "StackDeploySucceeded"


async def test_a_claim_that_is_not_answered_is_given_up(scene: Scene) -> None:
    value = encode(postdeploy(), source="/p", team="acme", id="fact/1")
    inbox = TailInbox(Record("ownstack.deploys", 0, 1, 0, KEY, value), patience=0.01)
    await scene.worker.act(inbox)
    await until(lambda: scene.said == ["JobClaimed", "LeaseReturned"])


async def test_a_driver_that_is_not_there_holds_up_nothing(house: House, caplog: pytest.LogCaptureFixture) -> None:
    draining = await finishes(house)
    follows(house, postdeploy().model_copy(update={"driver": "program"}))
    await draining
    assert "waits for the next deployer" in caplog.text
