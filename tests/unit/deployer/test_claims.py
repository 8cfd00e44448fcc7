"""Claims and their answers; what comes in twice, late, or for somebody else; and how a key goes away."""

from __future__ import annotations

import asyncio
import re

import pytest
from tests.unit.deployer.fakes import idle, until
from tests.unit.deployer.requests import deploy, look, postdeploy
from tests.unit.deployer.scene import Scene

from ownstack_contracts.envelope import encode
from ownstack_contracts.leases import JobClaimed, JobGranted, LeaseReturned
from ownstack_contracts.reports import RestartStarted, StackDeploySucceeded
from ownstack_deployer import worker
from ownstack_deployer.worker import RunIds


async def test_a_claim_is_repeated_with_its_run_every_five_seconds(scene: Scene) -> None:
    scene.comes(deploy())
    first = await scene.hears(JobClaimed)
    await scene.clock.pass_by(4.9)
    assert scene.said == ["JobClaimed"]
    await scene.clock.pass_by(0.1)
    assert await scene.hears(JobClaimed) == first
    await scene.clock.pass_by(5)
    assert await scene.hears(JobClaimed) == first


async def test_a_claim_is_not_repeated_while_the_bus_has_not_taken_it(scene: Scene) -> None:
    scene.bus.flowing.clear()
    scene.comes(deploy())
    for _ in range(10):
        await scene.clock.pass_by(5)
    scene.bus.flowing.set()
    first = await scene.hears(JobClaimed)
    await idle()
    assert scene.said == ["JobClaimed"]
    await scene.clock.pass_by(5)
    assert await scene.hears(JobClaimed) == first


async def test_a_grant_to_a_claim_that_the_bus_took_too_late_is_given_back_and_the_job_claimed_anew(
    scene: Scene,
) -> None:
    scene.bus.flowing.clear()
    scene.comes(deploy())
    for _ in range(4):
        await scene.clock.pass_by(5)
    scene.bus.flowing.set()
    first = await scene.hears(JobClaimed)
    scene.grants(first)
    assert (await scene.hears(LeaseReturned)).run == first.run
    second = await scene.hears(JobClaimed)
    assert second.run != first.run
    scene.grants(second)
    await scene.is_over()
    assert scene.driver.done.count("restart") == 1


def test_ids_of_runs_differ_also_from_those_of_another_deployer() -> None:
    one, other = RunIds(), RunIds()
    ids = [name() for _ in range(1_000) for name in (one, other)]
    assert len(set(ids)) == 2_000
    assert all(re.fullmatch("[0-9a-f]{32}", run) for run in ids)


async def test_a_job_that_is_closed_is_acknowledged_and_not_carried_out(scene: Scene) -> None:
    request = deploy()
    scene.comes(request)
    await scene.hears(JobClaimed)
    scene.closes(request, "superseded")
    await scene.is_over()
    assert scene.driver.done == []
    assert scene.inbox.acknowledged == [1, 2]
    assert scene.said == ["JobClaimed"]


async def test_a_grant_for_another_run_is_not_mine(scene: Scene) -> None:
    scene.comes(deploy())
    claim = await scene.hears(JobClaimed)
    scene.grants(claim.model_copy(update={"run": "other"}))
    await idle()
    assert scene.driver.done == []
    await scene.clock.pass_by(5)
    assert await scene.hears(JobClaimed) == claim
    scene.grants(claim)
    await scene.is_over()
    assert "restart" in scene.driver.done
    assert sorted(scene.inbox.acknowledged) == [1, 2, 3]


async def test_a_repeated_claim_that_another_run_s_grant_interrupts_still_comes_in_time(scene: Scene) -> None:
    scene.comes(deploy())
    claim = await scene.hears(JobClaimed)
    for _ in range(4):
        await scene.clock.pass_by(1)
        scene.grants(claim.model_copy(update={"run": "other"}))
    await scene.clock.pass_by(1)
    assert scene.said == ["JobClaimed"] * 2


async def test_a_grant_left_over_from_before_a_restart_is_acknowledged_and_ignored(scene: Scene) -> None:
    scene.comes(JobGranted(job="r0.eu-1.1", kind="deploy", run="lost", app="shop", stack="eu-1", lease=15,
                           uncertain=False, release_task_done=False, running_until=1))  # fmt: skip
    await scene.is_over()
    assert scene.inbox.acknowledged == [1]
    assert scene.said == []


async def test_a_job_that_was_closed_before_it_was_read_is_found_closed(scene: Scene) -> None:
    old, new = deploy(1), deploy(2, generation=2)
    scene.comes(old)
    scene.closes(old, "expired")
    scene.comes(new)
    assert (await scene.hears(JobClaimed)).job == old.job  # its end was not read yet
    claim = await scene.hears(JobClaimed)
    assert claim.job == new.job
    scene.grants(claim)
    await scene.is_over()
    assert scene.inbox.acknowledged == [1, 2, 3, 4]


async def test_jobs_of_a_key_are_done_one_after_another(scene: Scene) -> None:
    gate = scene.driver.gate("restart")
    scene.comes(deploy())
    scene.comes(postdeploy())
    claim = await scene.hears(JobClaimed)
    scene.grants(claim)
    await scene.hears(RestartStarted)
    assert scene.said.count("JobClaimed") == 1
    gate.set()
    await scene.hears(StackDeploySucceeded)
    assert (await scene.hears(JobClaimed)).job == postdeploy().job
    assert scene.inbox.acknowledged == [1, 3]


async def test_a_request_that_comes_twice_is_done_once(scene: Scene) -> None:
    scene.comes(deploy())
    claim = await scene.hears(JobClaimed)
    scene.comes(deploy())
    scene.grants(claim)
    await scene.is_over()
    assert scene.driver.done.count("restart") == 1
    assert sorted(scene.inbox.acknowledged) == [1, 2, 3]


async def test_a_second_grant_of_the_same_run_changes_nothing(scene: Scene) -> None:
    gate = scene.driver.gate("restart")
    scene.comes(deploy())
    claim = await scene.hears(JobClaimed)
    scene.grants(claim)
    await scene.hears(RestartStarted)
    scene.grants(claim)
    gate.set()
    await scene.is_over()
    assert scene.driver.done.count("restart") == 1
    assert sorted(scene.inbox.acknowledged) == [1, 2, 3]


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (b"\xff", b"not-json"),
        (encode(deploy(), source="/p", team=None), b"no-team"),
        (
            encode(look(), source="/p", team="acme").replace(b"StackLookRequested", b"StackLickRequested"),
            b"unknown-type",
        ),
    ],
)
async def test_what_cannot_be_read_is_buried_and_the_key_goes_on(scene: Scene, value: bytes, code: bytes) -> None:
    scene.comes(value)
    await scene.is_over()
    await idle()
    (letter,) = scene.dead_letters
    assert letter.value == value
    assert dict(letter.headers)["reason-code"] == code
    assert scene.reporter.tally.dead_letters == {code.decode(): 1}
    assert scene.inbox.acknowledged == [1]

    scene.comes(look())
    await scene.hears(JobClaimed)


async def test_cancelled_while_it_waits_a_claim_is_given_back(scene: Scene) -> None:
    scene.comes(deploy())
    claim = await scene.hears(JobClaimed)
    assert scene.actor is not None
    scene.actor.cancel()
    returned = await scene.hears(LeaseReturned)
    assert (returned.job, returned.run) == (claim.job, claim.run)
    assert scene.inbox.acknowledged == []


async def test_a_key_that_goes_away_while_a_claim_waits_gives_it_back_and_leaves_the_job_to_the_next(
    scene: Scene,
) -> None:
    scene.comes(deploy())
    claim = await scene.hears(JobClaimed)
    scene.inbox.revoked = True
    scene.inbox.wake()
    assert (await scene.hears(LeaseReturned)).run == claim.run
    await scene.is_over()
    assert scene.inbox.acknowledged == []


async def test_a_run_whose_key_goes_away_ends_and_reports_and_leaves_the_rest_to_the_next(scene: Scene) -> None:
    gate = scene.driver.gate("restart")
    scene.comes(deploy())
    claim = await scene.hears(JobClaimed)
    scene.comes(deploy(attempt=2))
    scene.grants(claim)
    await scene.hears(RestartStarted)
    scene.inbox.revoked = True
    scene.inbox.wake()
    gate.set()
    await scene.hears(StackDeploySucceeded)
    await scene.is_over()
    await idle()
    assert scene.inbox.acknowledged == []
    assert scene.said.count("JobClaimed") == 1


async def test_a_key_that_comes_back_does_not_start_its_job_beside_the_run_under_way(scene: Scene) -> None:
    gate = scene.driver.gate("restart")
    request = deploy()
    scene.comes(request)
    scene.grants(await scene.hears(JobClaimed))
    await scene.hears(RestartStarted)
    assert scene.actor is not None
    scene.actor.cancel()
    await asyncio.wait([scene.actor])
    scene.comes(request)
    await idle()
    assert scene.said.count("JobClaimed") == 1
    gate.set()
    await scene.hears(StackDeploySucceeded)
    await scene.hears(JobClaimed)
    scene.closes(request)
    await scene.is_over()
    assert scene.driver.done.count("restart") == 1


async def test_a_job_is_claimed_when_its_driver_has_a_slot_for_it(scene: Scene) -> None:
    scene.driver.bound = asyncio.Semaphore(0)
    scene.comes(deploy())
    await idle()
    assert scene.said == []
    scene.driver.bound.release()
    await scene.hears(JobClaimed)


async def test_a_job_that_waits_long_for_a_slot_is_logged(
    scene: Scene, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "PATIENCE", 0)
    scene.driver.bound = asyncio.Semaphore(0)
    scene.comes(deploy())
    await until(lambda: caplog.messages)
    scene.driver.bound.release()
    scene.grants(await scene.hears(JobClaimed))
    await scene.is_over()
    assert caplog.messages == [
        "StackDeployRequested of shop on eu-1 waits: as many jobs as may run there at once are under way"
    ]
    assert not scene.driver.bound.locked()


async def test_a_job_that_has_its_slot_at_once_is_not_logged_as_one_that_waits(
    scene: Scene, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "PATIENCE", 0)
    scene.driver.bound = asyncio.Semaphore(1)
    scene.comes(deploy())
    scene.grants(await scene.hears(JobClaimed))
    await scene.is_over()
    assert not [message for message in caplog.messages if "waits" in message]
