"""Supervision: one fails, all end; a first signal ends all in order, a second at once."""

from __future__ import annotations

import asyncio
import os
import signal

import pytest

from ownstack.supervision import Service, ServiceFailed, Supervisor


class Part:
    """A service that notes when it has ended."""

    def __init__(self, name: str, ended: list[str]) -> None:
        self.name = name
        self.ended = ended
        self.fail = asyncio.Event()
        self.drained = asyncio.Event()

    async def run(self) -> None:
        try:
            await self.fail.wait()
            raise RuntimeError(f"{self.name} broke")
        finally:
            self.ended.append(self.name)

    async def drain(self) -> None:
        await self.drained.wait()


@pytest.fixture
def ended() -> list[str]:
    return []


async def nothing() -> None:
    """Nothing is to be done at the start."""


async def test_a_signal_ends_the_services_in_their_order(ended: list[str]) -> None:
    a, b = Part("a", ended), Part("b", ended)
    told: list[str] = []
    supervisor = Supervisor([Service("a", a.run), Service("b", b.run)], lambda: told.append("stopping"))

    async def begin() -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    assert await supervisor.run(begin) is True
    assert (ended, told) == (["a", "b"], ["stopping"])


async def test_a_service_is_ended_in_its_own_way_before_the_next_one(ended: list[str]) -> None:
    a, b = Part("a", ended), Part("b", ended)
    supervisor = Supervisor([Service("a", a.run, a.drain), Service("b", b.run)], a.drained.set)

    async def begin() -> None:
        os.kill(os.getpid(), signal.SIGINT)

    assert await supervisor.run(begin) is True
    assert ended == ["a", "b"]


async def test_a_second_signal_ends_all_at_once(ended: list[str]) -> None:
    a, b = Part("a", ended), Part("b", ended)

    def again() -> None:
        asyncio.get_running_loop().call_soon(os.kill, os.getpid(), signal.SIGTERM)

    supervisor = Supervisor([Service("a", a.run, a.drain), Service("b", b.run)], again)

    async def begin() -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    assert await supervisor.run(begin) is False
    assert sorted(ended) == ["a", "b"]


async def test_a_service_that_fails_ends_the_others_and_is_named(ended: list[str]) -> None:
    a, b = Part("a", ended), Part("b", ended)

    async def begin() -> None:
        b.fail.set()

    with pytest.raises(ServiceFailed, match="b has ended by itself") as found:
        await Supervisor([Service("a", a.run), Service("b", b.run)]).run(begin)
    assert str(found.value.__cause__) == "b broke"
    assert sorted(ended) == ["a", "b"]


async def test_a_service_that_ends_without_a_word_has_failed_too(ended: list[str]) -> None:
    a = Part("a", ended)
    with pytest.raises(ServiceFailed, match="quiet has ended"):
        await Supervisor([Service("a", a.run), Service("quiet", nothing)]).run(nothing)
    assert ended == ["a"]


async def test_what_goes_wrong_at_the_start_is_not_swallowed(ended: list[str]) -> None:
    async def begin() -> None:
        raise OSError("no")

    with pytest.raises(OSError, match="no"):
        await Supervisor([Service("a", Part("a", ended).run)]).run(begin)
    assert ended == ["a"]


async def test_a_service_that_fails_while_it_is_ended_has_failed(ended: list[str]) -> None:
    a = Part("a", ended)

    async def broken() -> None:
        raise RuntimeError("drain broke")

    async def begin() -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(RuntimeError, match="drain broke"):
        await Supervisor([Service("a", a.run, broken)]).run(begin)
    assert ended == ["a"]


async def test_a_service_that_ends_as_if_it_were_cancelled_has_failed(ended: list[str]) -> None:
    other = Part("other", ended)

    async def vanish() -> None:
        raise asyncio.CancelledError

    with pytest.raises(ServiceFailed) as failed:
        await Supervisor([Service("other", other.run), Service("vanishing", vanish)]).run(nothing)
    assert (failed.value.name, ended) == ("vanishing", ["other"])
