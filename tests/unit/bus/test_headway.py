"""Whether an owner gets on."""

from __future__ import annotations

import pytest

from ownstack_bus.kafka import headway
from ownstack_bus.kafka.headway import Headway


class Ticks:
    now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def ticks(monkeypatch: pytest.MonkeyPatch) -> Ticks:
    ticks = Ticks()
    monkeypatch.setattr(headway, "time", ticks)
    return ticks


def test_who_has_nothing_to_do_misses_nothing(ticks: Ticks) -> None:
    one = Headway()
    ticks.now += 99
    assert one.missing_for() == 0
    one.expected()
    one.made(more=False)
    ticks.now += 99
    assert one.missing_for() == 0


def test_it_is_counted_from_when_there_was_something_to_do_first(ticks: Ticks) -> None:
    one = Headway()
    one.expected()
    ticks.now += 5
    one.expected()
    assert one.missing_for() == 5


def test_who_comes_further_or_can_not_is_counted_anew(ticks: Ticks) -> None:
    one = Headway()
    one.expected()
    ticks.now += 5
    one.made(more=True)
    ticks.now += 2
    assert one.missing_for() == 2
    one.excused()
    ticks.now += 1
    assert one.missing_for() == 1


def test_an_excuse_gives_nobody_something_to_do(ticks: Ticks) -> None:
    one = Headway()
    one.excused()
    ticks.now += 99
    assert one.missing_for() == 0
