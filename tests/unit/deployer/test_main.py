"""The deployer as a whole, on a bus that the test holds in its hand: how it ends, in good order or not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from tests.unit.deployer.fakes import FakeBus, FakeClock, FakeDriver, FakeInbox, idle, until
from tests.unit.deployer.requests import deploy

from ownstack_bus.port import Actor, At, BusError, Record
from ownstack_contracts.envelope import encode
from ownstack_contracts.jobs import StackJob
from ownstack_contracts.leases import JobClaimed, JobGranted
from ownstack_deployer.main import Deployer
from ownstack_deployer.settings import Settings


class WorkingBus(FakeBus):
    """A bus with one key."""

    def __init__(self) -> None:
        super().__init__()
        self.inbox = FakeInbox(FakeClock())
        self.failure: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.actor: asyncio.Task[None] | None = None
        self.tailed = FakeInbox(FakeClock())
        self.tail_fails = False
        self.leaves = asyncio.Event()
        """To be cleared where leaving the group is to take time."""
        self.leaves.set()

    async def partitions(self, topic: str) -> int:
        """As the port says."""
        assert topic == "ownstack.deploys"
        return 1

    async def tail(self, topic: str, partition: int, start: At) -> AsyncIterator[Record]:
        """As the port says, for what the test puts into `tailed`."""
        assert (topic, partition) == ("ownstack.deploys", 0)
        assert start.time is not None
        while not self.tail_fails and (record := await self.tailed.get()) is not None:
            yield record
        raise BusError("bus-corrupt", "torn")

    async def work(self, topic: str, group: str, actor: Actor) -> None:
        """As the port says."""
        assert (topic, group) == ("ownstack.deploys", "deployer")
        try:
            while True:
                if self.inbox.queue:
                    self.actor = asyncio.create_task(actor(self.inbox))  # type: ignore[arg-type]
                    await asyncio.wait([self.actor, self.failure], return_when=asyncio.FIRST_COMPLETED)
                if self.failure.done():
                    self.failure.result()
                await asyncio.sleep(0)
        finally:
            if self.actor is not None:
                self.actor.cancel()
                await asyncio.wait([self.actor])
            await self.leaves.wait()

    def comes(self, message: StackJob | JobGranted) -> None:
        self.inbox.put(encode(message, source="/p", team="acme", id="fact/1"))

    @property
    def said(self) -> list[str]:
        return [message.type_name() for message in self.messages()]


class House:
    """A deployer that runs."""

    def __init__(self, **settings: Any) -> None:
        self.bus = WorkingBus()
        self.driver = FakeDriver()
        self.deployer = Deployer(
            self.bus,  # type: ignore[arg-type]  # all of it that a deployer uses
            Settings(state=Path("/nowhere"), name="d1", **settings),
            drivers={"noop": self.driver},
        )
        self.running = asyncio.create_task(self.deployer.run())

    async def begins(self, phase: str) -> asyncio.Event:
        """A deployment has come to where `phase` waits; returns its gate."""
        gate = self.driver.gate(phase)
        self.bus.comes(deploy())
        await until(lambda: "JobClaimed" in self.bus.said)
        claim: JobClaimed = self.bus.messages()[0]
        until_then = int(self.bus.inbox._clock.now * 1_000) + 60_000
        self.bus.comes(
            JobGranted(
                job=claim.job,
                kind="deploy",
                run=claim.run,
                app="shop",
                stack="eu-1",
                lease=60,
                uncertain=False,
                release_task_done=False,
                running_until=until_then,
            )
        )
        await until(lambda: phase in self.driver.done)
        return gate


@pytest.fixture
async def house() -> AsyncIterator[House]:
    house = House(postdeploy_grace=0)
    yield house
    house.running.cancel()
    await asyncio.gather(house.running, return_exceptions=True)


async def test_drained_while_idle_it_ends(house: House) -> None:
    await idle()
    await house.deployer.drain()
    await house.running


async def test_drained_before_it_ran_it_ends_as_soon_as_it_runs(house: House) -> None:
    await house.deployer.drain()
    await house.running


async def test_drained_it_finishes_a_release_task_and_its_restart_and_says_so(house: House) -> None:
    gate = await house.begins("release-task")
    draining = asyncio.create_task(house.deployer.drain())
    await idle()
    assert not draining.done()
    gate.set()
    await draining
    await house.running
    assert house.bus.said[-1] == "StackDeploySucceeded"
    assert house.driver.cancelled == []


@pytest.mark.parametrize("phase", ["lock", "look"])
async def test_drained_it_gives_back_what_has_not_touched_the_stack(house: House, phase: str) -> None:
    await house.begins(phase)
    await house.deployer.drain()
    await house.running
    assert house.bus.said == ["JobClaimed", "LeaseReturned"]
    assert house.driver.cancelled == [phase]
    assert house.bus.inbox.acknowledged == []


async def test_drained_it_takes_nothing_more(house: House) -> None:
    await idle()
    await house.deployer.drain()
    house.bus.comes(deploy())
    await idle()
    assert house.bus.said == []


async def test_drained_while_the_bus_is_gone_it_ends_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    house = House(flush_grace=0)
    await house.begins("look")
    house.bus.flowing.clear()
    await house.deployer.drain()
    await house.running
    assert "did not take" in caplog.text


async def test_when_the_bus_fails_it_says_so(house: House) -> None:
    await idle()
    house.bus.failure.set_exception(BusError("bus-corrupt", "torn"))
    with pytest.raises(BusError, match="torn"):
        await house.running


async def test_cancelled_it_stops_hard_and_reports_nothing_of_what_has_begun(house: House) -> None:
    await house.begins("restart")
    said = list(house.bus.said)
    house.running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await house.running
    assert house.driver.cancelled == ["restart"]
    assert house.bus.said == said


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OWNSTACK_DEPLOYER_STATE", "/var/lib/locks")
    monkeypatch.setenv("OWNSTACK_DEPLOYER_PROGRAMS", "7")
    settings = Settings()
    assert (settings.state, settings.programs) == (Path("/var/lib/locks"), 7)


@pytest.mark.parametrize(
    ("home", "folder"), [("/xdg", "/xdg/ownstack/deployer"), ("relative", "/me/.local/state/ownstack/deployer")]
)
def test_locks_lie_where_the_state_of_a_user_lies(monkeypatch: pytest.MonkeyPatch, home: str, folder: str) -> None:
    monkeypatch.delenv("OWNSTACK_DEPLOYER_STATE", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", home)
    monkeypatch.setenv("HOME", "/me")
    assert Settings().state == Path(folder)
