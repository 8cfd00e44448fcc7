"""How records lie in the file."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ownstack_bus.embedded.segments import MAX_BYTES, MAX_RECORDS, Damaged, Place, cut, decode, encode, placed
from ownstack_bus.port import Outgoing

PLACE = Place(7, "ownstack.history", 3)
headers = st.lists(st.tuples(st.text(max_size=10), st.binary(max_size=10)), max_size=3).map(tuple)
outgoing = st.builds(
    Outgoing, st.just(PLACE.topic), st.text(max_size=20), st.binary(max_size=200), st.none(), headers
)  # fmt: skip


@given(st.lists(outgoing, min_size=1, max_size=20), st.integers(0, 2**39))
def test_records_come_back_as_they_were(given_records: list[Outgoing], first: int) -> None:
    records = placed(PLACE, first, 1_800_000_000_000, given_records)
    assert decode(PLACE, encode(PLACE.log, records)) == records
    assert [(r.key, r.value, r.headers) for r in records] == [(r.key, r.value, r.headers) for r in given_records]


@pytest.mark.parametrize("field", range(5))
def test_a_change_of_anything_is_noticed(field: int) -> None:
    row = list(encode(PLACE.log, placed(PLACE, 5, 1_800_000_000_000, [Outgoing("t", "acme", b"value")])))
    row[field] = row[field][:-1] + b"X" if field == 4 else row[field] + 1
    with pytest.raises(Damaged):
        decode(PLACE, tuple(row))


@given(st.lists(st.integers(0, MAX_BYTES), max_size=12))
def test_segments_are_cut_small_and_lose_nothing(sizes: list[int]) -> None:
    values = [bytes(size) for size in sizes] or [b""]
    records = placed(PLACE, 0, 0, [Outgoing("t", "k", value) for value in values])
    runs = list(cut(records))
    assert [record for run in runs for record in run] == records
    assert all(sum(len(r.value) for r in run) <= MAX_BYTES for run in runs)


def test_many_small_records_are_cut_too() -> None:
    records = placed(PLACE, 0, 0, [Outgoing("t", "k", b"")] * (2 * MAX_RECORDS + 1))
    assert [len(run) for run in cut(records)] == [MAX_RECORDS, MAX_RECORDS, 1]
