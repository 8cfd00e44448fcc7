"""The noop driver."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from tests.unit.deployer.requests import TEAM, checking, deploy, mine

from ownstack_contracts.jobs import Live
from ownstack_deployer.drivers.noop import NoopDriver
from ownstack_deployer.drivers.port import Checked, Job, PhaseFailed
from ownstack_deployer.joblog import JobLog, PhaseLog


async def _nowhere(_: object) -> None:
    raise AssertionError("noop logs nothing")


def job(until: float = 1e12, name: str = "r1.eu-1.1", **settings: str) -> Job:
    return Job(TEAM, deploy(job=name, settings=settings), "run1", until)


def log() -> PhaseLog:
    return JobLog(job(), _nowhere).phase("restart")


async def look(driver: NoopDriver) -> Live | None:
    async with driver.hold(job()) as place:
        return await place.look(log(), 1e12)


async def test_it_remembers_what_it_deployed_until_it_is_removed() -> None:
    driver = NoopDriver()
    assert await look(driver) is None
    async with driver.hold(job()) as place:
        await place.release_task(log())
        await place.restart(log())
        await place.post_deploy(log())
    assert await look(driver) == mine(deploy())
    async with driver.hold(job()) as place:
        await place.remove(log())
    assert await look(driver) is None


def test_it_is_instant_without_a_latency() -> None:
    driver = NoopDriver()
    assert driver.is_instant(deploy())
    assert driver.is_instant(deploy(settings={"latency_ms": "0"}))
    assert not driver.is_instant(deploy(settings={"latency_ms": "5"}))


async def test_a_latency_longer_than_the_deadline_is_cut_there() -> None:
    driver = NoopDriver(clock=lambda: 100.0)
    async with driver.hold(job(until=100.001, latency_ms="60000")) as place:
        with pytest.raises(PhaseFailed) as failed:
            await place.restart(log())
    assert failed.value.code == "running-deadline"


async def test_jobs_fail_at_the_rate_that_is_set_and_always_the_same_ones() -> None:
    async def failures() -> set[str]:
        driver, failed = NoopDriver(), set()
        for number in range(1_000):
            async with driver.hold(job(name=f"r1.s{number}.1", failure_rate="0.2")) as place:
                try:
                    await place.restart(log())
                except PhaseFailed as failure:
                    failed.add(f"s{number} {failure.code}")
        return failed

    first = await failures()
    assert 150 < len(first) < 250
    assert all(failure.endswith("noop-failure") for failure in first)
    assert await failures() == first


@pytest.mark.parametrize("value", ["many", "-1", "nan", "inf"])
async def test_a_setting_that_is_no_number_fails_with_what_to_do(value: str) -> None:
    async with NoopDriver().hold(job(failure_rate=value)) as place:
        with pytest.raises(PhaseFailed, match="failure_rate") as failed:
            await place.restart(log())
    assert failed.value.code == "noop-settings"


async def test_it_logs_a_command_that_it_does_not_run_and_has_no_config_and_nothing_to_check() -> None:
    kept: list[str] = []

    class Kept:
        async def write(self, lines: Sequence[str]) -> None:
            kept.extend(lines)

    driver = NoopDriver()
    async with driver.hold(job()) as place:
        assert await place.run(["echo", "a b"], Kept()) == 0
        await place.config_keys(1e12)
    assert kept == ["echo 'a b'"]
    assert await driver.check(checking(), 1e12) == Checked()
