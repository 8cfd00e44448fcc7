"""Leases: what extends them, and what a run does when its lease or its deadline is over."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from tests.unit.deployer.fakes import FakeClock, idle
from tests.unit.deployer.requests import deploy, failure, mine, older
from tests.unit.deployer.scene import LEASE, Scene

from ownstack_contracts.leases import Heartbeat, JobClaimed, LeaseReturned
from ownstack_contracts.reports import (
    ReleaseTaskStarted,
    ReleaseTaskSucceeded,
    RestartStarted,
    StackDeployFailed,
    StackDeploySucceeded,
)
from ownstack_deployer.clock import now
from ownstack_deployer.leases import Heartbeats, Lease


async def granted(scene: Scene, **grant: object) -> JobClaimed:
    """A deployment is asked for, claimed and granted."""
    scene.comes(deploy())
    claim = await scene.hears(JobClaimed)
    scene.grants(claim, **grant)
    return claim


async def beat(scene: Scene) -> None:
    for task in scene.heartbeats.beat():
        await task


async def test_a_run_beats_from_its_grant_to_its_end(scene: Scene) -> None:
    gate = scene.driver.gate("restart")
    claim = await granted(scene)
    await scene.hears(RestartStarted)
    assert scene.heartbeats.due_in() == pytest.approx(LEASE / 3)
    await scene.clock.pass_by(5)
    await beat(scene)
    assert await scene.hears(Heartbeat) == Heartbeat(runs=(claim.run,))
    gate.set()
    await scene.is_over()
    assert scene.heartbeats.due_in() is None


async def test_heartbeats_keep_the_lease_however_long_a_phase_takes(scene: Scene) -> None:
    gate = scene.driver.gate("release-task")
    await granted(scene)
    await scene.hears(ReleaseTaskStarted)
    for _ in range(10):
        await scene.clock.pass_by(5)
        await beat(scene)
    gate.set()
    await scene.hears(StackDeploySucceeded)
    await scene.is_over()
    assert scene.said.count("JobClaimed") == 1


async def test_a_lease_counts_from_the_sending_of_the_claim(scene: Scene) -> None:
    scene.comes(deploy())
    claim = await scene.hears(JobClaimed)
    await scene.clock.pass_by(4)
    gate = scene.driver.gate("look")
    scene.grants(claim)
    await scene.clock.pass_by(LEASE - 4)
    gate.set()
    returned = await scene.hears(LeaseReturned)
    assert returned.run == claim.run
    assert "release-task" not in scene.driver.done


async def test_a_lease_counts_from_the_last_claim_that_is_durable(scene: Scene) -> None:
    scene.comes(deploy())
    claim = await scene.hears(JobClaimed)
    for _ in range(3):
        await scene.clock.pass_by(5)
    scene.bus.flowing.clear()
    await scene.clock.pass_by(5)  # this one is not
    scene.driver.gate("look")
    scene.grants(claim)
    await idle()
    (run,) = scene.worker.under_way.values()
    assert run.lease.since == scene.clock() - 5


async def test_a_claim_that_was_repeated_too_late_makes_an_old_grant_no_younger(scene: Scene) -> None:
    """As when the process stood still: its first claim was granted, and that has lapsed; a second one goes out now."""
    scene.comes(deploy())
    claim = await scene.hears(JobClaimed)
    await scene.clock.pass_by(LEASE)
    assert (await scene.hears(JobClaimed)).run == claim.run
    scene.grants(claim)
    assert (await scene.hears(LeaseReturned)).run == claim.run
    again = await scene.hears(JobClaimed)
    assert again.run != claim.run
    assert "look" not in scene.driver.done
    scene.grants(again, uncertain=True)
    await scene.hears(StackDeploySucceeded)
    await scene.is_over()


async def test_a_run_whose_lease_is_over_before_it_began_gives_it_back_and_claims_anew(scene: Scene) -> None:
    gate = scene.driver.gate("look")
    first = await granted(scene)
    await scene.clock.pass_by(LEASE)
    gate.set()
    assert (await scene.hears(LeaseReturned)).run == first.run
    second = await scene.hears(JobClaimed)
    assert second.run != first.run
    scene.grants(second)
    await scene.hears(StackDeploySucceeded)
    await scene.is_over()
    assert scene.driver.done.count("restart") == 1


async def test_a_run_stops_before_its_next_phase_and_does_not_run_again_what_has_an_outcome(scene: Scene) -> None:
    gate = scene.driver.gate("release-task")
    first = await granted(scene)
    await scene.hears(ReleaseTaskStarted)
    scene.bus.flowing.clear()
    gate.set()
    await scene.clock.pass_by(LEASE)
    scene.bus.flowing.set()
    assert (await scene.hears(ReleaseTaskSucceeded)).run == first.run
    second = await scene.hears(JobClaimed)
    assert "restart" not in scene.driver.done

    scene.grants(second, uncertain=True)
    assert (await scene.hears(ReleaseTaskSucceeded)).run == second.run
    await scene.hears(StackDeploySucceeded)
    assert [x for x in scene.driver.done if x != "unlock"] == [
        "lock",
        "look",
        "release-task",
        "lock",
        "look",
        "restart",
    ]
    assert "LeaseReturned" not in scene.said


async def test_a_failure_that_was_seen_while_the_lease_was_over_is_reported_by_the_next_run(scene: Scene) -> None:
    scene.driver.live = older()
    scene.driver.outcomes["release-task"] = failure()
    gate = scene.driver.gate("release-task")
    await granted(scene)
    await scene.hears(ReleaseTaskStarted)
    await scene.clock.pass_by(LEASE)
    gate.set()
    await scene.hears(StackDeployFailed)  # said, but perhaps too late to be admitted
    second = await scene.hears(JobClaimed)
    scene.grants(second, uncertain=True)
    end = await scene.hears(StackDeployFailed)
    await scene.is_over()
    assert (end.run, end.code) == (second.run, "exit-3")
    assert scene.driver.done.count("release-task") == 1


async def test_an_end_that_may_have_come_too_late_is_made_sure_of(scene: Scene) -> None:
    gate = scene.driver.gate("restart")
    await granted(scene)
    await scene.hears(RestartStarted)
    await scene.clock.pass_by(LEASE)
    gate.set()
    await scene.hears(StackDeploySucceeded)
    await scene.hears(JobClaimed)
    assert scene.inbox.acknowledged == []
    scene.closes(deploy())
    await scene.is_over()
    assert scene.driver.done.count("restart") == 1
    assert scene.inbox.acknowledged == [1, 2, 3]


async def test_an_end_that_did_come_too_late_is_found_live_by_the_next_run(scene: Scene) -> None:
    gate = scene.driver.gate("restart")
    await granted(scene)
    await scene.hears(RestartStarted)
    await scene.clock.pass_by(LEASE)
    gate.set()
    await scene.hears(StackDeploySucceeded)
    second = await scene.hears(JobClaimed)
    scene.grants(second, uncertain=True, release_task_done=True)
    end = await scene.hears(StackDeploySucceeded)
    await scene.is_over()
    assert (end.run, end.live) == (second.run, mine(deploy()))
    assert scene.driver.done.count("restart") == 1


async def test_a_restart_that_succeeded_is_not_run_again_even_if_the_stack_does_not_show_it(scene: Scene) -> None:
    scene.driver.sets_live = False
    gate = scene.driver.gate("restart")
    await granted(scene)
    await scene.hears(RestartStarted)
    await scene.clock.pass_by(LEASE)
    gate.set()
    scene.grants(await scene.hears(JobClaimed), uncertain=True, release_task_done=True)
    await scene.is_over()
    assert scene.driver.done.count("restart") == 1


async def test_nothing_is_begun_after_the_running_deadline(scene: Scene) -> None:
    gate = scene.driver.gate("release-task")
    await granted(scene, running_until=int((scene.clock.now + 4) * 1_000))
    await scene.hears(ReleaseTaskStarted)
    await scene.clock.pass_by(4)
    gate.set()
    end = await scene.hears(StackDeployFailed)
    assert (end.phase, end.code) == ("restart", "running-deadline")
    assert "restart" not in scene.driver.done


async def test_the_deadline_is_counted_from_the_bus_s_clock_not_from_ours(scene: Scene) -> None:
    scene.inbox.ahead = 3_600
    gate = scene.driver.gate("look")
    await granted(scene, running_until=int((scene.clock.now + 3_600 + 10) * 1_000))
    await idle()
    (run,) = scene.worker.under_way.values()
    assert run.job.until == pytest.approx(scene.clock.now + 10)
    gate.set()
    await scene.is_over()


def lease(number: int, team: str) -> Lease:
    return Lease(f"run{number}", team, 15, 0.0)


async def test_one_heartbeat_speaks_for_a_thousand_runs_of_a_team() -> None:
    said: list[tuple[str, int]] = []

    def say(team: str, heartbeat: Heartbeat) -> asyncio.Event:
        said.append((team, len(heartbeat.runs)))
        return asyncio.Event()

    heartbeats = Heartbeats(say, FakeClock())
    with contextlib.ExitStack() as kept:
        for number in range(2_500):
            kept.enter_context(heartbeats.keep(lease(number, "acme")))
        kept.enter_context(heartbeats.keep(lease(9_999, "other")))
        tasks = heartbeats.beat()
        await idle()
        for task in tasks:
            task.cancel()
    assert said == [("acme", 1_000), ("acme", 1_000), ("acme", 500), ("other", 1)]


async def test_a_heartbeat_that_is_not_durable_extends_nothing() -> None:
    durable, clock = asyncio.Event(), FakeClock()
    heartbeats = Heartbeats(lambda *_: durable, clock)
    kept = Lease("run", "acme", 15, clock())
    with heartbeats.keep(kept):
        await clock.pass_by(5)
        tasks = heartbeats.beat()
        await clock.pass_by(9)
        assert kept.since == clock() - 14
        durable.set()
        await asyncio.wait(tasks)
        assert kept.since == clock() - 9  # from when it was sent


async def test_a_heartbeat_that_was_durable_too_late_brings_no_lease_back() -> None:
    """It was sent in time, but perhaps appended only after the owner had said that the lease has lapsed."""
    durable, clock = asyncio.Event(), FakeClock()
    heartbeats = Heartbeats(lambda *_: durable, clock)
    kept = Lease("run", "acme", 15, clock())
    with heartbeats.keep(kept):
        await clock.pass_by(5)
        tasks = heartbeats.beat()
        await clock.pass_by(10)
        durable.set()
        await asyncio.wait(tasks)
        assert not kept.holds(clock())


async def test_a_heartbeat_that_was_sent_too_late_brings_no_lease_back() -> None:
    """As when the process, or its machine, stood still: somebody else was granted the job meanwhile."""
    durable, clock = asyncio.Event(), FakeClock()
    durable.set()
    heartbeats = Heartbeats(lambda *_: durable, clock)
    kept = Lease("run", "acme", 15, clock())
    with heartbeats.keep(kept):
        await clock.pass_by(15)
        await asyncio.wait(heartbeats.beat())
        assert not kept.holds(clock())
        assert heartbeats.due_in() == 5  # what runs still goes on saying so, and no faster


async def test_while_the_bus_takes_no_heartbeat_of_a_run_no_more_are_said_and_then_one_at_once() -> None:
    said: list[tuple[str, ...]] = []
    durable, clock = asyncio.Event(), FakeClock()

    def say(team: str, heartbeat: Heartbeat) -> asyncio.Event:
        said.append(heartbeat.runs)
        return durable

    heartbeats = Heartbeats(say, clock)
    with heartbeats.keep(Lease("run", "acme", 15, clock())):
        tasks = heartbeats.beat()
        for _ in range(10):
            await clock.pass_by(5)
            assert heartbeats.due_in() is None
            assert heartbeats.beat() == []
        with heartbeats.keep(Lease("later", "acme", 15, clock())):
            tasks += heartbeats.beat()
            await idle()
        assert said == [("run",), ("later",)]
        durable.set()
        await asyncio.wait(tasks)
        due = heartbeats.due_in()
        assert due is not None
        assert due < 0
        await asyncio.wait(heartbeats.beat())
        assert heartbeats.due_in() == 5


async def test_heartbeats_go_on_by_themselves_while_there_are_runs() -> None:
    beats = asyncio.Semaphore(0)
    durable = asyncio.Event()
    durable.set()

    def say(team: str, heartbeat: Heartbeat) -> asyncio.Event:
        assert (team, heartbeat.runs) == ("acme", ("run",))
        beats.release()
        return durable

    heartbeats = Heartbeats(say, now)
    beating = asyncio.create_task(heartbeats.run())
    with heartbeats.keep(Lease("run", "acme", 0.03, now())):
        for _ in range(3):
            await beats.acquire()
    beating.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await beating
