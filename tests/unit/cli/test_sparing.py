"""What a library says over and over is told once in a period, with how often; what we say ourselves, always."""

from __future__ import annotations

import logging

from ownstack import sparing
from ownstack.sparing import Sparing


class Log:
    """What comes through, at a time that the test sets."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self._filter = Sparing({"aiokafka"}, 60.0, lambda: self.now)

    def told(self, name: str, text: str, *filled: object, level: int = logging.ERROR) -> str | None:
        """The message as it is written; None: it is not."""
        record = logging.LogRecord(name, level, __file__, 1, text, filled, None)
        return record.getMessage() if self._filter.filter(record) else None


def test_the_same_is_told_once_in_a_period_whatever_is_filled_in_and_then_with_how_often() -> None:
    log = Log()
    assert log.told("aiokafka.conn", "node %s: %s", 1, "refused") == "node 1: refused"
    assert log.told("aiokafka.conn", "node %s: %s", 2, "refused") is None
    log.now += 59.9
    assert log.told("aiokafka.conn", "node %s: %s", 3, "refused") is None
    log.now += 0.1
    assert log.told("aiokafka.conn", "node %s: %s", 4, "refused") == "node 4: refused (and 2 more like this before)"
    assert log.told("aiokafka.conn", "node %s: %s", 5, "refused") is None
    log.now += 60
    assert log.told("aiokafka.conn", "node %s: %s", 6, "50 %d") == "node 6: 50 %d (and 1 more like this before)"


def test_another_text_level_or_logger_is_something_else() -> None:
    log = Log()
    assert log.told("aiokafka.conn", "gone") == "gone"
    assert log.told("aiokafka.conn", "back") == "back"
    assert log.told("aiokafka.conn", "gone", level=logging.WARNING) == "gone"
    assert log.told("aiokafka.client", "gone") == "gone"


def test_our_own_lines_all_come() -> None:
    log = Log()
    assert [log.told("ownstack_promoter.partition", "refolded") for _ in range(3)] == ["refolded"] * 3
    assert [log.told("aiokafkaesque", "hello") for _ in range(3)] == ["hello"] * 3


def test_memory_is_bounded_also_for_messages_that_all_differ() -> None:
    log = Log()
    assert log.told("aiokafka.conn", "first") == "first"
    for number in range(sparing.REMEMBERED):
        assert log.told("aiokafka.conn", f"one of many: {number}") is not None
    assert log.told("aiokafka.conn", "first") == "first"
