"""What is taken of a partition, and what its next commit says."""

from __future__ import annotations

from aiokafka import TopicPartition

from ownstack_bus.kafka import holding as module
from ownstack_bus.kafka.holding import Holding
from ownstack_bus.kafka.marks import MAX_BYTES, MAX_CHARACTERS, decode
from ownstack_bus.port import Record

PLACE = TopicPartition("deploys", 0)
SIDE_BY_SIDE = MAX_BYTES * 8 - 1


def records(*offsets: int) -> list[Record]:
    return [Record("deploys", 0, offset, 0, "key", b"") for offset in offsets]


def offsets(taken: list[Record]) -> list[int]:
    return [record.offset for record in taken]


def test_the_mark_passes_over_offsets_without_a_record() -> None:
    holding = Holding(PLACE, None, 0)
    assert offsets(holding.take(records(2, 3, 6))) == [2, 3, 6]
    holding.add([2, 3])
    assert holding.mark() == (6, "")
    holding.add([6])
    assert holding.mark() == (7, "")


def test_what_is_done_above_the_mark_is_not_taken_again() -> None:
    before = Holding(PLACE, None, 0)
    before.take(records(0, 1, 2, 4, 5))
    before.add([1, 4])
    after = Holding(PLACE, before.mark(), 0)
    assert after.wanted == 0
    assert offsets(after.take(records(0, 1, 2, 4, 5))) == [0, 2, 5]


def test_what_was_handed_over_is_not_handed_over_again() -> None:
    holding = Holding(PLACE, (10, ""), 0)
    holding.take(records(10, 11))
    assert offsets(holding.take(records(10, 11, 12))) == [12]


def test_what_has_no_room_waits_until_some_is_done() -> None:
    holding = Holding(PLACE, None, 0)
    assert len(holding.take(records(*range(SIDE_BY_SIDE + 500)))) == SIDE_BY_SIDE
    assert holding.full
    assert holding.wanted == SIDE_BY_SIDE + 500
    assert holding.take() == []
    holding.add(range(module.SLACK))
    assert not holding.has_room(), "what waits is counted, too"
    holding.add(range(1_000))
    assert holding.has_room()
    assert offsets(holding.take()) == list(range(SIDE_BY_SIDE, SIDE_BY_SIDE + 500))
    assert not holding.full


def test_every_mark_of_a_full_partition_is_short_enough_and_true() -> None:
    holding = Holding(PLACE, None, 0)
    taken = offsets(holding.take(records(*range(SIDE_BY_SIDE + 10))))
    done = [offset for offset in taken if offset * 7_919 % 13 < 6 and offset]
    holding.add(done)
    position, metadata = holding.mark()
    assert len(metadata) <= MAX_CHARACTERS
    progress = decode(position, metadata)
    assert [offset for offset in taken if offset in progress] == done


def test_one_that_is_not_done_does_not_stop_those_after_it() -> None:
    holding = Holding(PLACE, None, 0)
    taken = 0
    for start in range(0, 200_000, 1_000):
        found = holding.take(records(*range(start, start + 1_000)))
        taken += len(found)
        holding.add([offset for offset in offsets(found) if offset])
    assert taken == 200_000
    assert decode(*holding.mark()).left() == (200_000, [0])


def test_it_knows_its_own_commits_and_nobody_elses() -> None:
    holding = Holding(PLACE, (5, ""), 0)
    assert holding.matches((5, ""))
    holding.take(records(5, 6))
    holding.add([5])
    mark = holding.mark()
    assert holding.matches(mark), "it may have arrived, whatever was answered"
    assert holding.matches((5, "")), "or not"
    holding.confirm(mark)
    assert not holding.matches((5, ""))
    assert not holding.matches((7, ""))
    assert not holding.matches(None)


def test_what_was_done_by_others_before_it_was_taken_is_known() -> None:
    holding = Holding(PLACE, (5, ""), 0)
    holding.take(records(5, 6))
    assert holding.took([5, 6])
    assert not holding.took([6, 7])
