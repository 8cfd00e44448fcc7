"""How far a consumer is, with what is done out of order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ownstack_bus.progress import Progress

offsets = st.lists(st.integers(0, 300))


def of(done: list[int], position: int = 0) -> Progress:
    progress = Progress(position, b"")
    for offset in done:
        progress.add(offset)
    return progress


@given(offsets)
def test_exactly_what_was_added_is_done(done: list[int]) -> None:
    progress = of(done)
    assert [offset for offset in range(302) if offset in progress] == sorted(set(done))


@given(offsets)
def test_the_position_is_the_first_that_is_not_done(done: list[int]) -> None:
    assert of(done).position == next(offset for offset in range(302) if offset not in done)


@given(offsets, st.integers(0, 300), offsets)
def test_it_is_the_same_after_it_was_kept_and_read_again(done: list[int], start: int, later: list[int]) -> None:
    progress = of(done)
    progress.skip(start)
    again = Progress(progress.position, progress.encoded())
    for offset in later:
        progress.add(offset)
        again.add(offset)
    assert again.position == progress.position
    assert again.encoded() == progress.encoded()


@given(offsets, st.integers(0, 300))
def test_what_is_deleted_counts_as_done(done: list[int], start: int) -> None:
    progress = of(done)
    progress.skip(start)
    assert [offset for offset in range(302) if offset in progress] == sorted({*done, *range(start)})


def test_what_is_done_in_order_takes_no_room() -> None:
    assert of(list(range(10_000))).encoded() == b""


def test_a_gap_takes_a_bit_per_record() -> None:
    assert len(of(list(range(1, 8_001))).encoded()) == 1_001


def test_it_tells_what_is_new() -> None:
    progress = of([1])
    assert [progress.add(offset) for offset in (1, 3, 0, 0, 1, 2, 3)] == [False, True, True, False, False, True, False]


@given(offsets, st.integers(0, 300), st.integers(0, 50))
def test_what_does_not_exist_counts_as_done(done: list[int], start: int, length: int) -> None:
    progress = of(done)
    progress.fill(start, start + length)
    expected = {*done, *range(start, start + length)}
    assert [offset for offset in range(352) if offset in progress] == sorted(expected)
    assert progress.position == next(offset for offset in range(352) if offset not in expected)


@given(offsets, st.integers(0, 10**12))
def test_it_is_the_same_by_what_is_left(done: list[int], position: int) -> None:
    progress = of([position + offset for offset in done], position)
    again = Progress.of_left(progress.position, *progress.left())
    assert (again.position, again.encoded()) == (progress.position, progress.encoded())
