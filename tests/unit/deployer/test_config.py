"""Config in jobs: decrypted when a run begins, told to nobody; what needs it fails if it can't be had."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from tests.unit.deployer.requests import command, deploy, failure, mine, postdeploy
from tests.unit.deployer.scene import LEASE, Scene

from ownstack_contracts.config import ConfigEntry
from ownstack_contracts.jobs import StackJob
from ownstack_contracts.leases import JobClaimed
from ownstack_contracts.reports import (
    PostdeployFailed,
    StackDeployFailed,
    StackDeploySucceeded,
    StackRunEnded,
    StackRunFailed,
)
from ownstack_deployer import config as of_jobs
from ownstack_deployer.drivers.port import Job
from ownstack_vault.errors import SecretUnreadable

SECRET = "s3cr3t-of-the-shop"


def entry(name: str, **more: Any) -> ConfigEntry:
    return ConfigEntry(name=name, sealed="v1." + "A" * 40, **more)


CONFIG = (entry("TOKEN"), entry("REGION", stack="eu-1"))


class FakeSecrets:
    """Decrypts to what the test says; or fails so, one failure after another."""

    def __init__(self, *failures: Exception, **values: str) -> None:
        self.values = values or {"TOKEN": SECRET, "REGION": "eu"}
        self.failures = list(failures)
        self.asked: list[tuple[str, str, Sequence[ConfigEntry]]] = []
        self.threads: set[int] = set()

    def unseal(self, team: str, app_id: str, entries: Sequence[ConfigEntry]) -> dict[str, str]:
        self.asked.append((team, app_id, entries))
        self.threads.add(threading.get_ident())
        if self.failures:
            raise self.failures.pop(0)
        return dict(self.values)


@pytest.fixture
def secrets(scene: Scene) -> FakeSecrets:
    scene.worker.secrets = FakeSecrets()
    return scene.worker.secrets


@pytest.fixture
def jobs(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> list[Job]:
    """The jobs that the driver was given."""
    given: list[Job] = []
    hold = scene.driver.hold

    def held(job: Job) -> Any:
        given.append(job)
        return hold(job)

    monkeypatch.setattr(scene.driver, "hold", held)
    return given


async def granted(scene: Scene, request: StackJob, **grant: object) -> JobClaimed:
    scene.comes(request)
    claim = await scene.hears(JobClaimed)
    scene.grants(claim, **grant)
    return claim


async def eventually(holds: Callable[[], object]) -> None:
    """As `until`, for what comes of a thread: turns of the loop say nothing about that."""
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0.001)


async def hears(scene: Scene, kind: type[Any]) -> Any:
    await eventually(lambda: kind.type_name() in scene.said[scene._heard :])
    return await scene.hears(kind)


async def test_a_driver_is_given_the_config_of_the_job(scene: Scene, secrets: FakeSecrets, jobs: list[Job]) -> None:
    await granted(scene, deploy(config=CONFIG, config_unset=("OLD", "TOKEN")))
    await hears(scene, StackDeploySucceeded)
    assert [dict(job.config) for job in jobs] == [{"TOKEN": SECRET, "REGION": "eu"}]
    assert list(jobs[0].config_unset) == ["OLD"]  # what it is to have it is not to lose
    assert secrets.asked == [("acme", "shop.1", CONFIG)]
    assert threading.get_ident() not in secrets.threads


@pytest.mark.parametrize("has_secrets", [True, False])
async def test_a_job_without_config_needs_no_secrets(scene: Scene, secrets: FakeSecrets, has_secrets: bool) -> None:
    if not has_secrets:
        scene.worker.secrets = None
    await granted(scene, deploy())
    await scene.hears(StackDeploySucceeded)
    assert secrets.asked == []


async def test_a_deployer_without_secrets_fails_a_deployment_with_config_before_anything_is_done(scene: Scene) -> None:
    await granted(scene, deploy(config=CONFIG))
    end = await scene.hears(StackDeployFailed)
    assert (end.phase, end.code, end.release_task_began) == ("look", "config-unreadable", True)
    assert "OWNSTACK_SECRET_KEY" in end.message
    assert scene.driver.done == ["lock", "look", "unlock"]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (SecretUnreadable("config-erased", "It is erased.", "Set it anew."), "It is erased. Set it anew."),
        (SecretUnreadable("secret-key-wrong", "Another key.", "Give that one."), "Another key. Give that one."),
        (ValueError(SECRET), "ValueError"),
    ],
)
async def test_what_can_not_be_decrypted_is_told_with_what_to_do(
    scene: Scene, secrets: FakeSecrets, error: Exception, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    secrets.failures = [error]
    await granted(scene, deploy(config=CONFIG))
    end = await hears(scene, StackDeployFailed)
    assert (end.phase, end.code) == ("look", "config-unreadable")
    assert said in end.message
    assert SECRET not in end.message + caplog.text


async def test_a_vault_that_is_back_after_a_moment_is_asked_again(
    scene: Scene, secrets: FakeSecrets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(of_jobs, "AGAIN", (0.0, 0.0))
    secrets.failures = [SecretUnreadable("vault-unavailable", "x", "y", passing=True)] * 2
    await granted(scene, deploy(config=CONFIG))
    await hears(scene, StackDeploySucceeded)
    assert (secrets.failures, len(secrets.asked)) == ([], 3)


async def test_what_does_not_pass_is_not_asked_again(scene: Scene, secrets: FakeSecrets) -> None:
    secrets.failures = [SecretUnreadable("config-erased", "It is erased.", "Set it anew.")]
    await granted(scene, deploy(config=CONFIG))
    await hears(scene, StackDeployFailed)
    assert len(secrets.asked) == 1


@pytest.mark.parametrize("values", [{"TOKEN": SECRET}, {"TOKEN": SECRET, "REGION": "e\0u"}])
async def test_a_value_that_no_environment_takes_or_that_is_missing_fails(
    scene: Scene, secrets: FakeSecrets, values: dict[str, str]
) -> None:
    secrets.values = values
    await granted(scene, deploy(config=CONFIG))
    end = await hears(scene, StackDeployFailed)
    assert (end.code, "REGION" in end.message, "TOKEN" in end.message) == ("config-unreadable", True, False)


@pytest.mark.parametrize("has_secrets", [True, False])
async def test_a_deployment_that_is_live_already_needs_no_config(
    scene: Scene, secrets: FakeSecrets, has_secrets: bool
) -> None:
    secrets.failures = [SecretUnreadable("config-erased", "It is erased.", "Set it anew.")]
    scene.worker.secrets = secrets if has_secrets else None
    request = deploy(config=CONFIG)
    scene.driver.live = mine(request)
    await granted(scene, request)
    await hears(scene, StackDeploySucceeded)
    assert scene.driver.done == ["lock", "look", "unlock"]


async def test_a_failure_that_is_known_already_is_told_though_the_config_is_gone(
    scene: Scene, secrets: FakeSecrets
) -> None:
    gate = scene.driver.gate("release-task")
    scene.driver.outcomes["release-task"] = failure()
    await granted(scene, deploy(config=CONFIG))
    await eventually(lambda: "release-task" in scene.driver.done)
    await scene.clock.pass_by(LEASE)
    secrets.failures = [SecretUnreadable("config-erased", "It is erased.", "Set it anew.")]
    gate.set()
    await scene.hears(StackDeployFailed)
    scene.grants(await scene.hears(JobClaimed))
    assert (await hears(scene, StackDeployFailed)).code == "exit-3"


async def test_a_second_run_without_config_begins_no_further_phase(scene: Scene, secrets: FakeSecrets) -> None:
    gate = scene.driver.gate("release-task")
    await granted(scene, deploy(config=CONFIG))
    await eventually(lambda: "release-task" in scene.driver.done)
    await scene.clock.pass_by(LEASE)
    secrets.failures = [SecretUnreadable("config-erased", "It is erased.", "Set it anew.")]
    gate.set()
    scene.grants(await scene.hears(JobClaimed))
    assert (await hears(scene, StackDeployFailed)).code == "config-unreadable"
    assert "restart" not in scene.driver.done


async def test_a_post_deploy_script_and_a_command_need_the_config_too(scene: Scene) -> None:
    await granted(scene, postdeploy().model_copy(update={"config": CONFIG}), kind="postdeploy")
    assert (await scene.hears(PostdeployFailed)).code == "config-unreadable"
    await scene.is_over()
    await granted(scene, command("env").model_copy(update={"config": CONFIG}), kind="run")
    assert (await scene.hears(StackRunFailed)).code == "config-unreadable"
    assert not {"post-deploy", "run"} & set(scene.driver.done)


async def test_no_line_of_any_phase_shows_a_value(scene: Scene, secrets: FakeSecrets) -> None:
    for phase in ("look", "release-task", "restart"):
        scene.driver.logs[phase] = [f"{phase} has {SECRET}", "eu"]
    await granted(scene, deploy(config=CONFIG))
    await hears(scene, StackDeploySucceeded)
    lines = [line for record in scene.logged for line in record.lines]
    assert lines == [line for phase in ("look", "release-task", "restart") for line in (f"{phase} has [TOKEN]", "eu")]


async def test_no_line_of_a_command_shows_a_value(scene: Scene, secrets: FakeSecrets) -> None:
    scene.driver.logs["run"] = [f"TOKEN={SECRET}"]
    await granted(scene, command("env").model_copy(update={"config": CONFIG}), kind="run")
    assert (await hears(scene, StackRunEnded)).lines == 1
    assert [line for record in scene.logged for line in record.lines] == ["TOKEN=[TOKEN]"]


@pytest.mark.parametrize("phase", ["lock", "look", "release-task", "restart"])
@pytest.mark.parametrize("length", [0, 1_990])
async def test_no_failure_shows_a_value_nor_a_part_of_one(
    scene: Scene, secrets: FakeSecrets, phase: Any, length: int
) -> None:
    scene.driver.outcomes[phase] = failure()
    scene.driver.outcomes[phase].__init__("exit-3", f"{'x' * length}It said: {SECRET}.")  # type: ignore[misc]
    await granted(scene, deploy(config=CONFIG))
    end = await hears(scene, StackDeployFailed)
    assert end.message == f"{'x' * length}It said: [TOKEN]."[:2_000]


async def test_an_error_of_a_driver_shows_no_value_neither_in_the_log_of_the_deployer(
    scene: Scene, secrets: FakeSecrets, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    scene.driver.outcomes["restart"] = RuntimeError(f"can't do {SECRET}")
    await granted(scene, deploy(config=CONFIG))
    end = await hears(scene, StackDeployFailed)
    assert (end.code, "can't do [TOKEN]" in end.message) == ("driver-error", True)
    assert "RuntimeError: can't do [TOKEN]" in caplog.text
    assert SECRET not in caplog.text + repr(scene.bus.records)
