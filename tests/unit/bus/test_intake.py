"""What a partition's owner on Kafka is given: by append time, nothing twice, and not more than fits."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from aiokafka.structs import ConsumerRecord

from ownstack_bus.kafka import intake
from ownstack_bus.kafka.clients import Clients
from ownstack_bus.kafka.intake import Intake
from ownstack_bus.kafka.settings import KafkaSettings


def fetched(topic: str, offset: int, timestamp: int, value: bytes = b"") -> ConsumerRecord[bytes, bytes]:
    return ConsumerRecord(topic, 0, offset, timestamp, 1, b"acme", value, None, 4, len(value), ())


def some(topic: str, offsets: Sequence[int], timestamp: int = 0) -> list[ConsumerRecord[bytes, bytes]]:
    return [fetched(topic, offset, timestamp) for offset in offsets]


@pytest.fixture
def waiting() -> Intake:
    return Intake(["c", "r"], Clients("", KafkaSettings()).record)


def offsets(waiting: Intake) -> list[tuple[str, int]]:
    return [(record.topic, record.offset) for record in waiting.peek()]


def test_inputs_of_two_topics_come_by_append_time_and_those_of_one_time_in_the_order_of_the_topics(
    waiting: Intake,
) -> None:
    waiting.add("r", [fetched("r", 0, 5), fetched("r", 1, 7)], end=2)
    waiting.add("c", [fetched("c", 0, 5), fetched("c", 1, 9)], end=2)
    assert offsets(waiting) == [("c", 0), ("r", 0), ("r", 1), ("c", 1)]


def test_nothing_comes_before_what_may_still_be_fetched_and_is_older(waiting: Intake) -> None:
    waiting.add("c", [fetched("c", 0, 1)], end=9)
    waiting.add("r", [fetched("r", 0, 5)], end=1)
    assert offsets(waiting) == [("c", 0)]


def test_what_was_fetched_already_is_not_taken_again(waiting: Intake) -> None:
    waiting.add("c", some("c", [0, 1, 2]), end=3)
    waiting.add("c", some("c", [1, 2, 4]), end=5)
    assert offsets(waiting) == [("c", 0), ("c", 1), ("c", 2), ("c", 4)]
    assert waiting.wanted("c") == 5


def test_what_is_handled_comes_no_more_and_where_to_fetch_on_is_known_then_too(waiting: Intake) -> None:
    waiting.add("c", some("c", [0, 3]), end=4)
    for record in waiting.peek():
        waiting.passed(record)
    assert not waiting
    assert waiting.positions == {"c": 4, "r": 0}
    assert (waiting.wanted("c"), waiting.behind("c")) == (4, 0)


def test_who_begins_anew_forgets_what_was_fetched(waiting: Intake) -> None:
    waiting.add("c", some("c", [0, 1, 2]), end=3)
    waiting.begin({"c": 2, "r": 0})
    assert not waiting
    waiting.add("c", some("c", [0, 1, 2]), end=3)
    assert offsets(waiting) == [("c", 2)]


def test_after_a_failure_inputs_come_one_by_one_until_all_of_the_batch_are_handled(waiting: Intake) -> None:
    waiting.add("c", some("c", [0, 1, 2, 3]), end=4)
    waiting.careful_until(waiting.peek()[:2])
    sizes = []
    while batch := waiting.peek():
        sizes.append(len(batch))
        for record in batch:
            waiting.passed(record)
    assert sizes == [1, 1, 2]


@pytest.mark.parametrize("limit", ["FULL_RECORDS", "FULL_BYTES"])
def test_a_topic_is_full_at_a_number_of_records_or_bytes_and_has_room_again_at_half_of_it(
    waiting: Intake, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(intake, limit, 4 if limit == "FULL_RECORDS" else 4 * 10)
    waiting.add("c", [fetched("c", offset, 0, b"123456") for offset in range(4)], end=4)
    assert waiting.is_full("c")
    assert not waiting.is_full("r")
    first, second, *_ = waiting.peek()
    waiting.passed(first)
    assert not waiting.has_room("c")
    waiting.passed(second)
    assert waiting.has_room("c")
