"""While the bus or the database refuse, the log tells why once, and then how often."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest
from tests.unit.api.house import House

from ownstack_api.refusals import PERIOD_S, Refusals
from ownstack_bus.port import BusError


class Timers:
    """What is to be called later, when the test says so."""

    def __init__(self) -> None:
        self.waiting: list[tuple[float, Callable[[], None]]] = []

    def __call__(self, seconds: float, call: Callable[[], None]) -> None:
        self.waiting.append((seconds, call))

    def pass_by(self) -> None:
        """All that waits is due."""
        due, self.waiting = self.waiting, []
        for seconds, call in due:
            assert seconds == PERIOD_S
            call()


FULL = BusError("disk-full", "The disk is full.")


def traces(caplog: pytest.LogCaptureFixture) -> list[bool]:
    """Per line of the log whether it has a trace."""
    return [record.exc_info is not None for record in caplog.records]


def test_the_first_has_a_trace_and_then_they_are_counted(caplog: pytest.LogCaptureFixture) -> None:
    timers = Timers()
    refusals = Refusals("the bus", timers)
    for _ in range(1_000):
        refusals.note("disk-full", FULL)
    assert traces(caplog) == [True]
    timers.pass_by()
    assert traces(caplog) == [True, False]
    assert caplog.messages[-1] == "the bus refused 999 more requests within 10 s: disk-full"


def test_a_quiet_period_ends_the_series(caplog: pytest.LogCaptureFixture) -> None:
    timers = Timers()
    refusals = Refusals("the bus", timers)
    refusals.note("disk-full", FULL)
    timers.pass_by()
    assert timers.waiting == []
    refusals.note("disk-full", FULL)
    assert traces(caplog) == [True, True]


def test_another_kind_is_told_too(caplog: pytest.LogCaptureFixture) -> None:
    refusals = Refusals("the bus", Timers())
    refusals.note("disk-full", FULL)
    refusals.note("bus-closed", BusError("bus-closed", "It is closed."))
    assert traces(caplog) == [True, True]


async def test_many_refused_requests_make_one_trace(house: House, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    house.bus.failure = FULL
    for number in range(5):
        assert (await house.client.delete(f"/api/v1/apps/shop-{number}")).status_code == 503
    assert traces(caplog) == [True]


async def test_an_error_of_ours_is_told_with_its_trace_and_another_too(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    for failure in (RuntimeError("this"), KeyError("that")):
        house.readmodel.failure = failure
        assert (await house.client.get("/api/v1/apps/shop")).status_code == 500
    assert caplog.messages == [
        "GET /api/v1/apps/{app} failed: RuntimeError",
        "GET /api/v1/apps/{app} failed: KeyError",
    ]
    assert traces(caplog) == [True, True]


async def test_an_error_of_ours_before_any_route_is_told_without_the_path_that_was_sent(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    monkeypatch.setattr(house.vault.tokens, "find", None)
    assert (await house.client.get("/api/v1/apps/shop")).status_code == 500
    assert caplog.messages == ["GET (no route) failed: TypeError"]
