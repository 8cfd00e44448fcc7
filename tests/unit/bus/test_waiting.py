"""What passes by itself is waited out: longer and longer, and said once."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from ownstack_bus import waiting
from ownstack_bus.port import BusError
from ownstack_bus.waiting import FIRST_DELAY_S, LAST_DELAY_S, Waiting

STEADY_S = 7.0


class Time:
    """Goes on when somebody sleeps, and when it is told to."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        """As asyncio's."""
        self.slept.append(seconds)
        self.now += seconds

    def monotonic(self) -> float:
        """As time's."""
        return self.now


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Time:
    time = Time()
    monkeypatch.setattr(waiting, "asyncio", SimpleNamespace(sleep=time.sleep))
    monkeypatch.setattr(waiting, "time", time)
    return time


def away(code: str = "bus-unavailable") -> BusError:
    return BusError(code, "Nobody is there.")


async def test_each_wait_is_longer_than_the_one_before_up_to_the_longest(time: Time) -> None:
    somebody = Waiting("Somebody")
    for _ in range(8):
        await somebody.out(away())
    assert time.slept == [FIRST_DELAY_S, 0.2, 0.4, 0.8, 1.6, 3.2, LAST_DELAY_S, LAST_DELAY_S]


async def test_it_is_said_once_that_somebody_waits_and_once_that_they_go_on(
    time: Time, caplog: pytest.LogCaptureFixture
) -> None:
    somebody = Waiting("Somebody")
    somebody.over()
    await somebody.out(away())
    await somebody.out(away())
    somebody.over()
    somebody.over()
    assert caplog.messages == ["Somebody waits, and goes on by itself: Nobody is there.", "Somebody goes on"]
    await somebody.out(away())
    assert (time.slept[-1], len(caplog.messages)) == (FIRST_DELAY_S, 3)


async def test_what_fails_again_soon_has_not_passed(time: Time, caplog: pytest.LogCaptureFixture) -> None:
    somebody = Waiting("Somebody", STEADY_S)
    for _ in range(3):
        await somebody.out(away())
        time.now += STEADY_S - 1
        somebody.over()
    assert (time.slept, len(caplog.messages)) == ([FIRST_DELAY_S, 0.2, 0.4], 1)
    time.now += 1
    somebody.over()
    assert caplog.messages[1:] == ["Somebody goes on"]


async def test_what_does_not_pass_is_raised_at_once(time: Time) -> None:
    failure = away("bus-corrupt")
    with pytest.raises(BusError) as raised:
        await Waiting("Somebody").out(failure)
    assert (raised.value, time.slept) == (failure, [])


async def test_something_is_tried_until_it_comes_to_something(time: Time, caplog: pytest.LogCaptureFixture) -> None:
    outcomes: list[BusError | str] = [away(), away("disk-full"), "a record"]

    async def attempt() -> str:
        outcome = outcomes.pop(0)
        if isinstance(outcome, BusError):
            raise outcome
        return outcome

    assert await Waiting("Somebody").through(attempt) == "a record"
    assert (len(time.slept), caplog.messages[-1]) == (2, "Somebody goes on")
