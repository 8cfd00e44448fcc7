"""What the event loop remembers of the logs."""

from __future__ import annotations

import pytest

from ownstack_bus.embedded.log import RECORD_OVERHEAD, Log, Logs
from ownstack_bus.embedded.schema import LogState
from ownstack_bus.port import BusError, Record

WINDOW = 10 * (100 + RECORD_OVERHEAD)


@pytest.fixture
def logs() -> Logs:
    """Two logs, and memory for ten records of 100 bytes."""
    return Logs([LogState(p + 1, "t", p, 0, 5, 0) for p in range(2)], 2, WINDOW)


def commit(logs: Logs, log: Log, count: int, timestamp: int = 0) -> None:
    offsets = range(log.end, log.end + count)
    logs.appended(log, [Record("t", log.place.partition, offset, timestamp, "k", bytes(100)) for offset in offsets])


def remembered(log: Log) -> list[int]:
    return [record.offset for record in log.recent(log.base, 100) or []]


def test_nothing_is_remembered_of_what_was_there_before(logs: Logs) -> None:
    log = logs.at("t", 0)
    assert log.recent(4, 10) is None
    assert log.recent(5, 10) == []


def test_the_oldest_records_of_all_logs_are_forgotten_first(logs: Logs) -> None:
    one, other = logs.of("t")
    commit(logs, one, 4)
    commit(logs, other, 4)
    commit(logs, one, 4)
    assert (remembered(one), remembered(other)) == ([9, 10, 11, 12], [5, 6, 7, 8])
    assert one.recent(8, 10) is None


def test_the_last_commit_is_remembered_however_large_it_is(logs: Logs) -> None:
    log = logs.at("t", 0)
    commit(logs, log, 50)
    assert remembered(log) == list(range(5, 55))


def test_what_was_deleted_is_forgotten(logs: Logs) -> None:
    log = logs.at("t", 0)
    commit(logs, log, 4)
    log.forget(7)
    assert remembered(log) == [7, 8]
    commit(logs, log, 4)
    commit(logs, log, 4)  # the first commit is to be forgotten now, and most of it is already
    assert remembered(log) == list(range(9, 17))


def test_a_time_is_found_in_memory_only_if_the_first_record_of_then_must_be_there(logs: Logs) -> None:
    log = logs.at("t", 0)
    assert log.recent_since(0) is None
    for timestamp in (10, 20, 20, 30):
        commit(logs, log, 1, timestamp)
    assert [log.recent_since(time) for time in (5, 10, 11, 20, 21, 31)] == [None, None, 6, 6, 8, 9]


def test_an_unknown_partition_is_refused(logs: Logs) -> None:
    with pytest.raises(BusError, match="its partitions are 0 to 1"):
        logs.at("t", 2)
