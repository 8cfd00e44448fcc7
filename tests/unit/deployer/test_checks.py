"""Checks of stacks: answered at once, claimed by nobody."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.unit.deployer.fakes import FakeInbox, idle, until
from tests.unit.deployer.requests import checking, deploy
from tests.unit.deployer.scene import Scene

from ownstack_contracts.envelope import encode
from ownstack_contracts.leases import JobClaimed
from ownstack_contracts.reports import StackChecked
from ownstack_deployer.drivers.port import Checked


async def test_a_check_is_answered_without_a_claim(scene: Scene) -> None:
    scene.driver.found = Checked("key-refused", "No.", "ssh-ed25519 H", "SHA256:f", "ssh-ed25519 P")
    scene.comes(checking())
    answer = await scene.hears(StackChecked)
    await scene.is_over()

    assert answer == StackChecked(
        job="check.eu-1.1",
        stack="eu-1",
        deployer="d1",
        code="key-refused",
        message="No.",
        host_key="ssh-ed25519 H",
        fingerprint="SHA256:f",
        public_key="ssh-ed25519 P",
    )
    assert scene.said == ["StackChecked"]


async def test_a_check_is_acknowledged_only_when_its_answer_is_durable(scene: Scene) -> None:
    scene.bus.flowing.clear()
    scene.comes(checking())
    await idle()
    assert (scene.driver.done, scene.inbox.acknowledged) == (["check"], [])
    scene.bus.flowing.set()
    await scene.is_over()
    assert scene.inbox.acknowledged == [1]


async def test_a_check_that_comes_again_is_answered_again_under_another_id(scene: Scene) -> None:
    for _ in range(2):
        scene.comes(checking())
        await scene.hears(StackChecked)
        await scene.is_over()
    assert len({record.value for record in scene.bus.records}) == 2


async def test_a_driver_that_this_deployer_does_not_have_is_named(scene: Scene) -> None:
    scene.comes(checking(driver="dokku"))
    answer = await scene.hears(StackChecked)
    assert answer.code == "driver-unknown"
    assert "no driver dokku" in answer.message
    assert "noop, program" in answer.message


async def test_a_driver_that_fails_in_a_check_is_told_and_work_goes_on(scene: Scene) -> None:
    scene.driver.found = RuntimeError("oh " * 2_000)
    scene.comes(checking())
    assert (await scene.hears(StackChecked)).code == "driver-error"
    scene.comes(deploy())
    await scene.hears(JobClaimed)


async def test_a_check_that_takes_too_long_is_cut_off(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ownstack_deployer.checks.CHECKING", 0.01)
    scene.driver.gate("check")
    scene.comes(checking())
    await scene.actor  # type: ignore[misc]
    assert (await scene.hears(StackChecked)).code == "check-timeout"


async def test_a_host_key_that_is_too_long_is_left_out_and_its_fingerprint_stays(scene: Scene) -> None:
    scene.driver.found = Checked("host-key-unconfirmed", "Compare it.", "ssh-rsa " + "A" * 2_000, "SHA256:f", "P")
    scene.comes(checking())
    answer = await scene.hears(StackChecked)
    await scene.is_over()
    assert (answer.code, answer.host_key, answer.fingerprint) == ("host-key-unconfirmed", None, "SHA256:f")
    assert answer.message.startswith("Compare it. ")
    assert "too long to be pinned by its line; its fingerprint can be" in answer.message
    assert scene.inbox.acknowledged == [1]


async def test_a_stack_whose_long_host_key_is_confirmed_can_be_used(scene: Scene) -> None:
    scene.driver.found = Checked(None, "", "ssh-rsa " + "A" * 2_000, "SHA256:f", "ssh-rsa " + "A" * 2_000)
    scene.comes(checking())
    answer = await scene.hears(StackChecked)
    assert (answer.code, answer.message, answer.host_key, answer.public_key) == (None, "", None, None)


@pytest.mark.parametrize("odd", [{"fingerprint": "f" * 101}, {"code": "No Code"}, {"message": "m" * 2_001}])
async def test_what_no_report_takes_is_told_and_work_goes_on(scene: Scene, odd: dict[str, Any]) -> None:
    scene.driver.found = Checked(**odd)
    scene.comes(checking())
    assert (await scene.hears(StackChecked)).code == "driver-error"
    await scene.is_over()
    assert scene.inbox.acknowledged == [1]


async def test_a_check_that_nobody_waits_for_any_more_is_acknowledged_and_not_done(scene: Scene) -> None:
    scene.clock.now = 10_000  # as `checking` says
    scene.comes(checking())
    await scene.is_over()
    assert (scene.said, scene.driver.done, scene.inbox.acknowledged) == ([], [], [1])


async def test_eight_checks_are_done_at_once(scene: Scene) -> None:
    gate = scene.driver.gate("check")
    inboxes = [FakeInbox(scene.clock) for _ in range(10)]
    for number, inbox in enumerate(inboxes):
        inbox.put(encode(checking(number=number), source="/p", team="acme", id=f"fact/{number}"))
    actors = [asyncio.create_task(scene.worker.act(inbox)) for inbox in inboxes]
    await until(lambda: len(scene.driver.done) == 8)
    await idle()
    assert scene.driver.done == ["check"] * 8
    gate.set()
    await asyncio.gather(*actors)
    assert scene.said == ["StackChecked"] * 10
