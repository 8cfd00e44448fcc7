"""Cursors say where a list goes on, and nothing else; pages are not too large."""

from __future__ import annotations

import base64
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ownstack_readmodel.errors import CursorInvalid
from ownstack_readmodel.paging import MOST_PARTS, cursor_of, cut, name_in, number_in, parts_of

numbers = st.integers(0, 2**62)


@given(number=numbers, name=st.text(st.characters(codec="utf-8", exclude_characters="\0")))
def test_a_cursor_gives_back_what_it_was_made_of(number: int, name: str) -> None:
    assert parts_of(cursor_of(number, name), int, str) == (number, name)


@given(cursor=st.text())
def test_any_text_is_a_cursor_or_refused(cursor: str) -> None:
    with suppress(CursorInvalid):
        assert number_in(cursor) >= 0


@given(content=st.binary())
def test_any_bytes_in_a_cursor_are_a_place_or_refused(content: bytes) -> None:
    with suppress(CursorInvalid):
        assert isinstance(name_in(base64.urlsafe_b64encode(content).decode()), str)


@pytest.mark.parametrize("parts", [("a",), (1, 2), (), (True,), (-1,), (2**63,), (1.5,), (None,), ([1],)])
def test_a_cursor_of_another_list_is_refused(parts: tuple[object, ...]) -> None:
    with pytest.raises(CursorInvalid) as refused:
        number_in(cursor_of(*parts))  # type: ignore[arg-type]  # what others may send
    assert refused.value.code == "cursor-invalid"


def test_a_name_that_no_database_can_hold_is_refused() -> None:
    with pytest.raises(CursorInvalid):
        name_in(cursor_of("shop\0"))


def test_a_page_ends_at_its_limit_and_says_where_it_goes_on() -> None:
    assert cut([1, 2, 3], 2, str) == ([1, 2], "2")
    assert cut([1, 2], 2, str) == ([1, 2], None)
    assert cut([], 2, str) == ([], None)


def test_a_page_ends_early_when_its_items_have_too_many_parts() -> None:
    sizes = [10, MOST_PARTS - 10, 1]
    assert cut(sizes, 50, str, lambda size: size) == (sizes[:2], str(sizes[1]))


def test_an_item_with_too_many_parts_has_a_page_of_its_own() -> None:
    sizes = [MOST_PARTS + 1, 1]
    assert cut(sizes, 50, str, lambda size: size) == (sizes[:1], str(sizes[0]))
