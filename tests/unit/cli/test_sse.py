"""Server-sent events, as the standard has them."""

from __future__ import annotations

import pytest

from ownstack.exits import Failure
from ownstack.sse import ServerSent, events


def test_an_event_has_a_type_an_id_and_data() -> None:
    assert list(events([b'id: 3\nevent: A\ndata: {"x":1}\n\n'])) == [ServerSent("A", '{"x":1}', "3")]


def test_data_on_several_lines_is_joined() -> None:
    assert [e.data for e in events([b"data: a\ndata:b\ndata:  c\n\n"])] == ["a\nb\n c"]


def test_comments_unknown_fields_and_heartbeats_are_passed_over() -> None:
    assert [e.data for e in events([b": \n\nretry: 3\ndata: a\n\n"])] == ["a"]


def test_an_event_that_the_stream_breaks_off_in_is_not_given() -> None:
    assert [e.data for e in events([b"data: a\n\ndata: b\n"])] == ["a"]


def test_an_id_alone_says_where_the_stream_stands() -> None:
    assert list(events([b"id: 7\n\n"])) == [ServerSent("message", "", "7")]


STREAM = "id: 1\r\ndata: ü\u2028id: 9\u2029\x85\x0b\x0c\x1c|\r\n\r\nid: 2\rdata: b\rdata: c\r\rdata: d\n\n".encode()
WHOLE = [
    ServerSent("message", "ü\u2028id: 9\u2029\x85\x0b\x0c\x1c|", "1"),
    ServerSent("message", "b\nc", "2"),
    ServerSent("message", "d"),
]


@pytest.mark.parametrize("size", [1, 2, 3, 7, len(STREAM)])
def test_lines_end_with_cr_lf_or_both_and_nothing_else_however_the_stream_is_cut(size: int) -> None:
    chunks = [STREAM[at : at + size] for at in range(0, len(STREAM), size)]
    assert list(events([b"", *chunks, b""])) == WHOLE


def test_an_event_is_given_before_the_second_half_of_its_end_has_come() -> None:
    cut = events(iter([b"data: a\r\n\r", b"\n", b"data: b\r\n\r\n"]))
    assert [event.data for event in cut] == ["a", "b"]


@pytest.mark.parametrize("data", ["", "{", "[1]", "null"])
def test_an_event_that_is_no_json_object_is_a_failure(data: str) -> None:
    with pytest.raises(Failure, match="not as OwnStack sends them"):
        ServerSent("A", data).document()
