"""Deployments with the dokku driver over a network that fails, past others that deploy, after runs that are lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from tests.integration.dokku.driving import APP, Outcome, Stand, until
from tests.real.dokku.proxy import Proxy

from ownstack_contracts.jobs import Live
from ownstack_deployer.clock import now
from ownstack_deployer.drivers.dokku.place import DokkuPlace
from ownstack_deployer.drivers.port import PhaseFailed

AFTER = ("proxy", "rename", "postdeploy")
"""Steps of a deployment when its version is live already."""


@pytest.fixture
async def proxy(stand: Stand) -> AsyncIterator[Proxy]:
    """v1 is live, by us, and from now on the driver comes through a proxy."""
    stand.has(stand.deploy("v1"))
    async with Proxy(stand.server.host, stand.server.port) as proxy:
        stand.port = proxy.port
        yield proxy
        proxy.thaw()
        proxy.slow(0)


async def in_step(stand: Stand, step: str) -> asyncio.Task[Outcome]:
    """A deployment of v2 has come to this step, and is held there by whoever calls."""
    before = len(stand.server.steps())
    attempt = asyncio.create_task(stand.attempts(stand.deploy("v2", 2)))
    await until(lambda: any(entry["step"] == step for entry in stand.server.steps()[before:]))
    return attempt


async def gone(stand: Stand) -> None:
    """All that ran on the server has ended."""
    await until(lambda: not stand.server.workers())


async def is_mended(stand: Stand, *, uncertain: bool = False) -> None:
    """Another attempt at v2 succeeds."""
    assert (await stand.attempts(stand.deploy("v2", 3), uncertain=uncertain)).code == "live"
    assert stand.server.live(APP) == stand.server.image("v2")
    assert len(stand.marks()) == 6
    assert stand.server.deployment(APP) == "r3.eu-1"


@pytest.mark.parametrize("step", ["build", "predeploy", "release", "checks"])
@pytest.mark.parametrize("dropped", ["left", "back"])
async def test_a_connection_lost_before_the_new_version_is_live_fails_and_repeats_nothing(
    stand: Stand, proxy: Proxy, step: str, dropped: str
) -> None:
    stand.server.set(dropped=dropped)
    with stand.server.held(step):
        attempt = await in_step(stand, step)
        await proxy.drop()
        outcome = await attempt
        await gone(stand)

    assert outcome.failure is not None
    assert (outcome.code, outcome.failure.in_doubt) == ("connection-lost", True)
    assert outcome.phase == ("restart" if step == "checks" else "release-task")
    assert outcome.failure.began is True
    assert stand.server.deployment(APP) == "r1.eu-1"
    assert stand.tasks("v2", "release") == (1 if step in ("release", "checks") else 0)
    await is_mended(stand)


@pytest.mark.parametrize("step", AFTER)
async def test_a_connection_lost_after_the_new_version_is_live_is_no_failure(
    stand: Stand, proxy: Proxy, step: str
) -> None:
    with stand.server.held(step):
        attempt = await in_step(stand, step)
        await until(lambda: stand.server.live(APP) == stand.server.image("v2"))
        await proxy.drop()
        outcome = await attempt
    assert (outcome.code, outcome.ran) == ("live", True)
    assert stand.server.deployment(APP) == "r2.eu-1"
    assert stand.tasks("v2", "release") == 1


async def test_a_connection_lost_before_anything_was_deployed_is_told_as_such(stand: Stand, proxy: Proxy) -> None:
    request = stand.deploy("v2", 2)
    async with stand.place(request) as place:
        await place.look(stand.log, now() + 10)
        await proxy.refuse()
        with pytest.raises(PhaseFailed) as failed:
            await place.release_task(stand.log)
    assert (failed.value.code, failed.value.began, failed.value.in_doubt) == ("unreachable", False, False)
    assert stand.marks()
    await proxy.listen()
    await is_mended(stand)


async def test_a_server_that_freezes_is_noticed(stand: Stand, proxy: Proxy) -> None:
    with stand.server.held("release"):
        attempt = await in_step(stand, "release")
        proxy.freeze()
        await until(lambda: proxy.taken == 2)  # it connects anew, to look
        proxy.thaw()
        await proxy.drop()
        outcome = await attempt
    assert outcome.failure is not None
    assert (outcome.code, outcome.failure.in_doubt) == ("connection-lost", True)


async def test_a_server_that_stays_away_leaves_it_in_doubt(stand: Stand, proxy: Proxy) -> None:
    with stand.server.held("checks"):
        attempt = await in_step(stand, "checks")
        await proxy.refuse()
        outcome = await attempt
    assert outcome.failure is not None
    assert (outcome.code, outcome.phase, outcome.failure.in_doubt) == ("connection-lost", "restart", True)
    await proxy.listen()
    await is_mended(stand)


async def test_a_server_that_is_back_after_a_while_is_looked_at_then(stand: Stand, proxy: Proxy) -> None:
    with stand.server.held("postdeploy"):
        attempt = await in_step(stand, "postdeploy")
        await proxy.refuse()
        await gone(stand)
        assert not attempt.done()
        await proxy.listen()
        outcome = await attempt
    assert outcome.code == "live"


async def test_a_slow_network_only_takes_longer(stand: Stand, proxy: Proxy) -> None:
    proxy.slow(15)
    assert (await stand.attempts(stand.deploy("v2", 2))).code == "live"


async def test_the_deadline_ends_what_is_under_way_and_looks_what_came_of_it(stand: Stand, proxy: Proxy) -> None:
    with stand.server.held("release"):
        outcome = await stand.attempts(stand.deploy("v2", 2), seconds=4)
        await gone(stand)
    assert outcome.failure is not None
    assert (outcome.code, outcome.phase) == ("running-deadline", "release-task")
    assert (outcome.failure.began, outcome.failure.in_doubt) == (True, True)
    await is_mended(stand)


async def test_a_deployment_that_is_live_at_its_deadline_has_succeeded(stand: Stand, proxy: Proxy) -> None:
    with stand.server.held("postdeploy"):
        outcome = await stand.attempts(stand.deploy("v2", 2), seconds=4)
    assert outcome.code == "live"


async def test_a_run_that_ends_between_its_phases_leaves_nothing_under_way(stand: Stand, proxy: Proxy) -> None:
    with stand.server.held("checks"):
        async with stand.place(stand.deploy("v2", 2)) as place:
            await place.look(stand.log, now() + 10)
            assert await place.release_task(stand.log) is True
        await gone(stand)
    assert stand.server.deployment(APP) == "r1.eu-1"
    await is_mended(stand)


async def test_a_deployment_that_is_cancelled_leaves_nothing_under_way(stand: Stand, proxy: Proxy) -> None:
    with stand.server.held("release"):
        attempt = await in_step(stand, "release")
        attempt.cancel()
        with pytest.raises(asyncio.CancelledError):
            await attempt
        await gone(stand)
    assert stand.server.deployment(APP) == "r1.eu-1"


# uncertain runs


@pytest.mark.parametrize("seed", range(4))
async def test_an_uncertain_run_waits_for_what_an_earlier_one_has_left_under_way(
    stand: Stand, proxy: Proxy, seed: int
) -> None:
    """The earlier one is killed as its version is about to go live, which it does or does not before it ends."""
    stand.server.set(seed=seed)
    with stand.server.held("checks"):
        attempt = await in_step(stand, "checks")
        attempt.cancel()
        await asyncio.gather(attempt, return_exceptions=True)
    began = now()
    outcome = await stand.attempts(stand.deploy("v2", 2), uncertain=True, began=True)
    assert now() - began >= stand.settle
    went_live = [entry for entry in stand.server.steps(APP) if entry["step"] == "live"]
    assert outcome.code == ("live" if went_live else "outcome-lost")
    assert stand.server.deployment(APP) == ("r2.eu-1" if went_live else "r1.eu-1")
    assert stand.tasks("v2", "release") == 1
    await is_mended(stand)
    assert stand.tasks("v2", "release") == 2


async def test_an_uncertain_run_that_finds_its_deployment_live_runs_nothing(stand: Stand, proxy: Proxy) -> None:
    stand.driver = stand.new_driver()
    outcome = await stand.attempts(stand.deploy("v1"), uncertain=True)
    assert outcome.code == "live"
    assert stand.server.commands() == ["ps:inspect shop"]


async def test_an_uncertain_run_settles_once(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    settled = 0
    genuine = DokkuPlace._settled

    async def counted(place: DokkuPlace) -> None:
        nonlocal settled
        settled += 1
        await genuine(place)

    monkeypatch.setattr(DokkuPlace, "_settled", counted)
    async with stand.place(stand.deploy("v1"), uncertain=True) as place:
        began = now()
        await place.look(stand.log, now() + 10)
        assert now() - began >= stand.settle
        await place.look(stand.log, now() + 10)
    assert settled == 1


# others that deploy


async def test_a_deployment_by_another_is_waited_for_and_then_replaced(stand: Stand, proxy: Proxy) -> None:
    with stand.server.deploy_lock(APP):
        attempt = asyncio.create_task(stand.attempts(stand.deploy("v2", 2)))
        await until(lambda: stand.log.says("another deployment of this app is under way"))
        await until(lambda: stand.server.commands().count("ps:rebuild shop") > 1)
        assert not attempt.done()
    assert (await attempt).code == "live"
    assert stand.server.deployment(APP) == "r2.eu-1"
    assert stand.tasks("v2", "release") == 1
    assert (
        stand.log.lines.count("[ownstack: another deployment of this app is under way; this one waits for its end]")
        == 1
    )


async def test_a_deployment_by_another_that_does_not_end_is_told_at_the_deadline(stand: Stand, proxy: Proxy) -> None:
    with stand.server.deploy_lock(APP):
        outcome = await stand.attempts(stand.deploy("v2", 2), seconds=3)
    assert outcome.failure is not None
    assert (outcome.code, outcome.failure.began, outcome.failure.in_doubt) == ("deploy-locked", False, True)
    assert f"left on {stand.server.image('v2')}" in outcome.failure.message
    assert stand.server.deployment(APP) == "r1.eu-1"
    await is_mended(stand)


async def test_what_became_live_while_it_waited_counts(stand: Stand, proxy: Proxy) -> None:
    """An earlier run of the same attempt, in another deployer, ends well."""
    stand.server.set(steps={"proxy": 0.5})
    with stand.server.held("checks"):
        earlier = await in_step(stand, "checks")
        later = asyncio.create_task(stand.attempts(stand.deploy("v2", 2), driver=stand.new_driver()))
        await until(lambda: stand.log.says("another deployment of this app is under way"))
    assert ((await earlier).code, (await later).code) == ("live", "live")
    assert stand.tasks("v2", "release") == 1


async def test_after_a_lost_race_the_same_image_is_deployed_though_the_repository_holds_it(
    stand: Stand, proxy: Proxy
) -> None:
    with stand.server.deploy_lock(APP):
        assert (await stand.attempts(stand.deploy("v2", 2), seconds=3)).code == "deploy-locked"
    assert stand.server.repository(APP) == stand.server.image("v2")
    assert await stand.looks() == Live(
        image=stand.server.image("v1"), generation=1, deployment="r1.eu-1", release=1, team="acme", app_id="shop.1"
    )
    await is_mended(stand)


async def test_one_operation_at_a_time_changes_an_app_of_a_server(stand: Stand) -> None:
    """Also when two stacks name the same server."""
    with stand.server.held("checks"):
        first = asyncio.create_task(stand.attempts(stand.deploy("v1", 1, stack="eu-2")))
        await until(lambda: any(entry["step"] == "checks" for entry in stand.server.steps()))
        second = asyncio.create_task(stand.attempts(stand.deploy("v2", 2)))
        assert (await stand.attempts(stand.deploy("v3", 3), seconds=0.1)).code == "lock-timeout"
        assert await stand.looks() is None  # a look need not wait
    assert ((await first).code, (await second).code) == ("live", "live")
    assert not stand.log.says("another deployment")
