"""What a commit's metadata says of what is done out of order, and how much may be taken so that it can."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ownstack_bus.kafka.marks import MAX_BYTES, MAX_CHARACTERS, MAX_SPAN, decode, encode, fits
from ownstack_bus.progress import Progress

gaps = st.integers(1, 3) | st.integers(1, 400) | st.integers(1, 20_000)


def of(done: list[int], position: int = 0) -> Progress:
    progress = Progress(position, b"")
    for offset in done:
        progress.add(offset)
    return progress


def same(first: Progress, second: Progress) -> bool:
    return (first.position, first.encoded()) == (second.position, second.encoded())


@settings(deadline=None)
@given(st.lists(st.integers(0, 3_000)), st.integers(0, 10**12))
def test_what_is_encoded_can_be_read_again(done: list[int], position: int) -> None:
    progress = of([position + offset for offset in done], position)
    assert same(decode(progress.position, encode(progress)), progress)


@settings(max_examples=20, deadline=None)
@given(st.integers(), st.lists(gaps, min_size=1, max_size=40))
def test_so_it_can_however_far_apart_the_records_are(seed: int, steps: list[int]) -> None:
    chance = random.Random(seed)
    progress, offset, left = Progress(0, b""), 0, 0
    taken = []
    while True:
        step = chance.choice(steps)
        if not fits(offset + step + 1, left + 1):
            break
        progress.fill(offset + 1 if taken else 0, offset + step)
        offset, left = offset + step, left + 1
        taken.append(offset)
    for _ in range(3):
        for done in chance.sample(taken, len(taken) // 3):
            progress.add(done)
        text = encode(progress)
        assert len(text) <= MAX_CHARACTERS
        assert same(decode(progress.position, text), progress)


def test_whatever_is_done_of_what_may_be_taken_side_by_side_can_be_said() -> None:
    span = MAX_BYTES * 8 - 1
    assert fits(span, span)
    assert not fits(span + 1, span + 1)
    progress = of(random.Random(7).sample(range(1, span), span // 2))
    progress.add(span - 1)
    assert MAX_CHARACTERS - 8 <= len(encode(progress)) <= MAX_CHARACTERS


def test_one_record_holds_up_a_million_that_are_done() -> None:
    assert fits(1_000_000, 1_000)
    assert not fits(MAX_SPAN + 1, 1)
    text = encode(of(list(range(1, 1_000_000))))
    assert len(text) < 20
    assert decode(0, text).left() == (1_000_000, [0])


def test_long_rows_of_done_ones_take_little_room() -> None:
    assert len(encode(of(list(range(1, 20_000))))) < 100


def test_nothing_is_said_when_nothing_is_done_out_of_order() -> None:
    assert encode(of(list(range(100)))) == ""
    assert decode(100, "").position == 100


@pytest.mark.parametrize("metadata", ["NO_METADATA", "bäöü", "z12345", "l", 'b"'])
def test_metadata_of_another_program_counts_as_nothing_and_is_told(
    metadata: str, caplog: pytest.LogCaptureFixture
) -> None:
    progress = decode(17, metadata)
    assert (progress.position, progress.encoded()) == (17, b"")
    assert "another program" in caplog.text
