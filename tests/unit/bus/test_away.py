"""A cluster that is away is said once for all partitions of a service, however their owners come back."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any

import pytest

from ownstack_bus.kafka.membership import Membership
from ownstack_bus.meter import Unmetered

AWAY = OSError("refused")


def membership() -> Membership:
    clients: Any = SimpleNamespace(servers="kafka:9092", meter=Unmetered(), topic=str, named=str)
    consumer: Any = SimpleNamespace(_coordinator=None)
    return Membership(clients, consumer, "promoter", ["commands"], lambda: None)


async def test_it_is_said_again_only_after_all_have_come_back(caplog: pytest.LogCaptureFixture) -> None:
    member = membership()
    first, second = (Owner(0), Owner(1))
    for owner in (first, second):
        member.away(owner, AWAY)  # type: ignore[arg-type]
    member.restored(first)  # type: ignore[arg-type]
    member.away(second, AWAY)  # type: ignore[arg-type]
    member.away(first, AWAY)  # type: ignore[arg-type]
    assert said(caplog) == 1
    for owner in (first, second):
        member.restored(owner)  # type: ignore[arg-type]
    member.away(first, AWAY)  # type: ignore[arg-type]
    assert said(caplog) == 2


class Owner:
    """Of a partition, as far as a membership looks at it."""

    is_restored = False

    def __init__(self, partition: int) -> None:
        self.partition = partition


def said(caplog: pytest.LogCaptureFixture) -> int:
    return sum("waits for Kafka" in r.getMessage() for r in caplog.records if r.levelno == logging.WARNING)
