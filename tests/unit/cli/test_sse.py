"""Server-sent events, as the standard has them."""

from __future__ import annotations

from ownstack.sse import ServerSent, events


def test_an_event_has_a_type_an_id_and_data() -> None:
    assert list(events(["id: 3", "event: A", 'data: {"x":1}', ""])) == [ServerSent("A", '{"x":1}', "3")]


def test_data_on_several_lines_is_joined() -> None:
    assert [e.data for e in events(["data: a", "data:b", "data:  c", ""])] == ["a\nb\n c"]


def test_comments_unknown_fields_and_heartbeats_are_passed_over() -> None:
    assert [e.data for e in events([": ", "", "retry: 3", "data: a", ""])] == ["a"]


def test_an_event_that_the_stream_breaks_off_in_is_not_given() -> None:
    assert [e.data for e in events(["data: a", "", "data: b"])] == ["a"]


def test_an_id_alone_says_where_the_stream_stands() -> None:
    assert list(events(["id: 7", ""])) == [ServerSent("message", "", "7")]
