"""Leases and timers: the earliest is at hand, the extended costs nothing, the lapsed is told again."""

from __future__ import annotations

from ownstack_promoter.leases import REPEAT, Lease, Leases
from ownstack_promoter.timers import Timers


def _lease(until: int) -> Lease:
    return Lease("acme", "shop", "eu-1", "job", 100, until)


def test_a_lease_lapses_when_nothing_was_heard_for_its_length() -> None:
    leases = Leases()
    leases.begin("r1", _lease(100))
    leases.extend("r1", 50)
    assert [run for run, _ in leases.lapsed(149)] == []
    assert (leases.earliest(), leases.has_lapsed("r1", 149)) == (150, False)
    assert [run for run, _ in leases.lapsed(150)] == ["r1"]
    assert leases.has_lapsed("r1", 150)


def test_a_lapse_without_an_answer_is_told_again() -> None:
    leases = Leases()
    leases.begin("r1", _lease(100))
    assert [run for run, _ in leases.lapsed(100)] == ["r1"]
    assert [run for run, _ in leases.lapsed(101)] == []
    assert leases.earliest() == 100 + REPEAT
    assert [run for run, _ in leases.lapsed(100 + REPEAT)] == ["r1"]


def test_a_lease_that_ended_lapses_no_more() -> None:
    leases = Leases()
    leases.begin("r1", _lease(100))
    leases.end("r1")
    leases.extend("r1", 50)
    assert (len(leases), leases.earliest(), list(leases.lapsed(1_000))) == (0, None, [])


def test_an_earlier_sign_of_life_that_comes_late_does_not_shorten_a_lease() -> None:
    leases = Leases()
    leases.begin("r1", _lease(500))
    leases.extend("r1", 100)
    assert not leases.has_lapsed("r1", 499)


def test_timers_come_in_order_and_stay_until_they_are_cancelled() -> None:
    timers = Timers()
    for name, at in (("late", 30), ("b", 10), ("a", 10)):
        timers.set(name, at)
    assert timers.until(9) == []
    assert timers.until(20) == ["a", "b"]
    assert timers.until(20) == ["a", "b"]
    timers.cancel("a")
    timers.set("b", 40)
    assert (timers.until(35), timers.earliest()) == (["late"], 30)


def test_settings_that_were_replaced_are_not_kept_for_ever() -> None:
    timers = Timers()
    for at in range(10_000):
        timers.set("again", at)
    assert len(timers._heap) < 100
    assert timers.until(10_000) == ["again"]
