"""The config of an app on a Dokku server is put back after a failure, where it is certain what serves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from tests.integration.dokku.configured import NEW, OLD, breaks, deploy, gets, has_v1, shows
from tests.integration.dokku.driving import APP, Outcome, Stand, until
from tests.real.dokku.proxy import Proxy

from ownstack_deployer.clock import now
from ownstack_deployer.drivers.port import PhaseFailed


@pytest.fixture
def with_v1(stand: Stand) -> Stand:
    return has_v1(stand)


@pytest.mark.parametrize("image", ["prefail", "relfail", "hcfail", "crash", "missing"])
async def test_a_deployment_that_fails_puts_the_config_of_before_back(with_v1: Stand, image: str) -> None:
    stand = with_v1
    outcome = await gets(stand, NEW, image)
    assert outcome.failure is not None
    assert stand.server.config(APP) == stand.server.runs_with(APP) == OLD
    assert stand.log.lines[-1] == ("[ownstack: the config of before is put back on eu-1: set GONE, TOKEN; unset FRESH]")
    assert not any(line.startswith(("ps:restart", "ps:rebuild")) for line in stand.server.commands())
    assert all(
        "--no-restart" in line for line in stand.server.commands() if line.startswith(("config:set", "config:un"))
    )
    assert not any(value in shows(stand, outcome) for value in (*NEW.values(), *OLD.values()))


async def test_a_first_deployment_that_fails_leaves_no_config(stand: Stand) -> None:
    assert (await gets(stand, NEW, "relfail", 1)).code == "release-task-failed"
    assert stand.server.config(APP) == {}


async def test_what_somebody_else_has_changed_meanwhile_is_left(with_v1: Stand) -> None:
    stand = with_v1
    with stand.server.held("release"):
        attempt = asyncio.create_task(gets(stand, NEW, "relfail"))
        await until(lambda: stand.server.tasks(APP, "release", "start"))
        with stand.server.edit(APP) as app:
            app["config"]["TOKEN"] = "by hand, in between"
    assert (await attempt).code == "release-task-failed"
    assert stand.server.config(APP) == {**OLD, "TOKEN": "by hand, in between"}


async def test_what_somebody_else_has_started_meanwhile_keeps_the_config_that_it_has(with_v1: Stand) -> None:
    stand = with_v1
    with stand.server.held("rename"):
        attempt = asyncio.create_task(gets(stand, NEW))
        await until(lambda: stand.server.live(APP) == stand.server.image("v2"))
        stand.server.deploy_by_hand(APP, "v3")
    outcome = await attempt
    assert outcome.failure is not None
    assert (outcome.code, outcome.failure.in_doubt) == ("dokku-failed", True)
    assert stand.server.config(APP) == stand.server.runs_with(APP) == {**NEW, "MINE": OLD["MINE"]}
    assert stand.log.says("could not be put back on eu-1 (another version runs there by now)")


async def test_a_failed_post_deploy_task_of_dokkus_own_keeps_the_new_config(with_v1: Stand) -> None:
    stand = with_v1
    assert (await gets(stand, NEW, "postfail")).code == "live"
    assert stand.server.config(APP) == {**NEW, "MINE": OLD["MINE"]}


@pytest.fixture
async def proxy(with_v1: Stand) -> AsyncIterator[Proxy]:
    """From now on the driver comes through a proxy."""
    async with Proxy(with_v1.server.host, with_v1.server.port) as proxy:
        with_v1.port = proxy.port
        yield proxy
        proxy.thaw()


async def sets(stand: Stand) -> asyncio.Task[Outcome]:
    """A deployment has come to where its config is set."""
    attempt = asyncio.create_task(gets(stand, NEW))
    await until(lambda: any(line.startswith("config:set") for line in stand.server.commands()))
    return attempt


def reads(stand: Stand) -> int:
    """How often the config was read."""
    return len([entry for entry in stand.server.steps(APP) if entry["step"] == "config-read"])


@pytest.mark.parametrize("step", ["config", "config-done"])
async def test_a_connection_lost_while_config_is_set_fails_and_the_config_of_before_is_back(
    with_v1: Stand, proxy: Proxy, step: str
) -> None:
    stand = with_v1
    with stand.server.held(step):
        attempt = await sets(stand)
        if step == "config-done":
            await until(lambda: stand.server.config(APP)["TOKEN"] == NEW["TOKEN"])
        await proxy.drop()
        await until(lambda: not stand.server.workers())
    outcome = await attempt
    assert outcome.failure is not None
    assert (outcome.code, outcome.failure.began, outcome.failure.in_doubt) == ("connection-lost", False, False)
    assert stand.server.config(APP) == OLD
    assert (await gets(stand, NEW, generation=3)).code == "live"
    assert stand.server.runs_with(APP) == {**NEW, "MINE": OLD["MINE"]}


@pytest.mark.parametrize("step", ["build", "release", "checks"])
async def test_a_connection_lost_before_the_new_version_is_live_puts_the_config_back(
    with_v1: Stand, proxy: Proxy, step: str
) -> None:
    stand = with_v1
    with stand.server.held(step):
        attempt = asyncio.create_task(gets(stand, NEW))
        await until(lambda: any(entry["step"] == step for entry in stand.server.steps()))
        await proxy.drop()
        outcome = await attempt
    assert outcome.code == "connection-lost"
    assert stand.server.config(APP) == stand.server.runs_with(APP) == OLD


async def test_a_connection_lost_after_the_new_version_is_live_keeps_the_new_config(
    with_v1: Stand, proxy: Proxy
) -> None:
    stand = with_v1
    with stand.server.held("rename"):
        attempt = asyncio.create_task(gets(stand, NEW))
        await until(lambda: stand.server.live(APP) == stand.server.image("v2"))
        await proxy.drop()
        outcome = await attempt
    assert outcome.code == "live"
    assert stand.server.config(APP) == stand.server.runs_with(APP) == {**NEW, "MINE": OLD["MINE"]}


@pytest.mark.parametrize("step", ["config-done", "checks"])
async def test_that_the_config_could_not_be_put_back_is_said(with_v1: Stand, proxy: Proxy, step: str) -> None:
    stand = with_v1
    with stand.server.held(step):
        attempt = asyncio.create_task(gets(stand, NEW))
        await until(lambda: stand.server.config(APP)["TOKEN"] == NEW["TOKEN"])
        if step == "checks":
            await until(lambda: any(entry["step"] == step for entry in stand.server.steps()))
        await proxy.refuse()
        outcome = await attempt
    assert outcome.code == "connection-lost"
    assert stand.log.says("the config of before could not be put back on eu-1 (")
    assert stand.log.says("FRESH, GONE, TOKEN]")
    assert stand.server.config(APP)["TOKEN"] == NEW["TOKEN"]


async def test_the_config_is_not_put_back_while_nobody_knows_what_serves(with_v1: Stand, proxy: Proxy) -> None:
    stand = with_v1
    with stand.server.held("checks"):
        attempt = asyncio.create_task(gets(stand, NEW))
        await until(lambda: any(entry["step"] == "checks" for entry in stand.server.steps()))
        await proxy.refuse()
        await asyncio.to_thread(breaks, stand, "ps:inspect")
        await proxy.listen()
        outcome = await attempt
    assert outcome.code == "connection-lost"
    assert stand.log.says("the config of before could not be put back on eu-1 (connection-lost)")
    assert stand.server.config(APP) == {**NEW, "MINE": OLD["MINE"]}


async def test_config_that_is_still_being_set_by_a_client_that_is_gone_is_waited_for(
    with_v1: Stand, proxy: Proxy
) -> None:
    stand = with_v1
    stand.server.set(linger=1_000, seed=1)
    with stand.server.held("config"):
        attempt = await sets(stand)
        await proxy.drop()
        await until(lambda: proxy.taken == 2)
        began = now()
        await until(lambda: reads(stand) == 2 or now() - began > stand.settle / 2)
    assert (await attempt).code == "connection-lost"
    assert stand.server.config(APP) == OLD


async def test_the_deadline_puts_the_config_back(with_v1: Stand, proxy: Proxy) -> None:
    stand = with_v1
    with stand.server.held("release"):
        outcome = await gets(stand, NEW, seconds=4)
    assert outcome.code == "running-deadline"
    assert stand.server.config(APP) == OLD


async def test_a_run_that_is_killed_leaves_the_new_config_and_the_next_one_goes_on_from_there(with_v1: Stand) -> None:
    stand = with_v1
    with stand.server.held("checks"):
        attempt = asyncio.create_task(gets(stand, NEW))
        await until(lambda: any(entry["step"] == "checks" for entry in stand.server.steps()))
        attempt.cancel()
        with pytest.raises(asyncio.CancelledError):
            await attempt
        await until(lambda: not stand.server.workers())
    assert stand.server.config(APP) == {**NEW, "MINE": OLD["MINE"]}
    assert stand.server.runs_with(APP) == OLD
    assert (await gets(stand, NEW, generation=3, uncertain=True)).code == "live"
    assert stand.server.runs_with(APP) == {**NEW, "MINE": OLD["MINE"]}


async def test_a_failure_before_the_config_is_touched_puts_nothing_back(with_v1: Stand, proxy: Proxy) -> None:
    async with with_v1.place(deploy(with_v1, "v2"), config=NEW) as place:
        await place.look(with_v1.log, now() + 10)
        await proxy.refuse()
        with pytest.raises(PhaseFailed) as failed:
            await place.release_task(with_v1.log)
    assert failed.value.code == "unreachable"
    assert with_v1.log.lines == []
