"""Every message of every topic survives being written and read, and is written the same way each time."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.contracts.strategies import MESSAGE_TYPES, effort, messages

from ownstack_contracts.catalog import TYPES_BY_TOPIC
from ownstack_contracts.envelope import Envelope, canonical, decode, encode, instant, milliseconds, schema_of
from ownstack_contracts.history import GENESIS, Origin, Position, hash_of, is_intact, seal, sequence_of
from ownstack_contracts.message import Message
from ownstack_contracts.names import COMMAND_ID_PATTERN
from ownstack_contracts.topics import HISTORY

ids = st.from_regex(COMMAND_ID_PATTERN, fullmatch=True)
short = st.text(min_size=1, max_size=40)
moments = st.integers(0, 253_402_300_799_999)


@st.composite
def origins(draw: st.DrawFn) -> Origin:
    """Where a decision comes from."""
    position = Position("ownstack.reports", draw(st.integers(0, 99)), draw(st.integers(0, 2**53 - 1)))
    maybe = st.none() | short
    return Origin(position, draw(moments), draw(maybe), draw(st.none() | ids), draw(st.none() | ids), draw(maybe))


@pytest.mark.parametrize("name", sorted(MESSAGE_TYPES))
def test_a_message_survives_on_each_of_its_topics_and_sealed_in_the_history(name: str) -> None:
    kind = MESSAGE_TYPES[name]

    @effort(10)
    @given(messages(kind), origins(), st.integers(1, 2**53 - 1), st.integers(0, 99))
    def survives(message: Message, origin: Origin, sequence: int, step: int) -> None:
        for topic in (t for t, types in TYPES_BY_TOPIC.items() if name in types):
            _survives_written(topic, message, origin)
        if name in TYPES_BY_TOPIC[HISTORY.name]:
            _survives_sealed(message, origin, sequence, step)

    survives()


def _survives_written(topic: str, message: Message, origin: Origin) -> None:
    about: dict[str, Any] = {
        "team": "a-team",
        "id": "an-id",
        "actor": origin.actor,
        "correlationid": origin.correlationid,
    }
    value = encode(message, source="/test", time=origin.now, traceparent=origin.traceparent, **about)

    event = decode(topic, value)

    assert event.message == message
    assert type(event.message) is type(message)
    assert event.envelope == Envelope(
        source="/test",
        type=type(message).__name__,
        dataschema=schema_of(type(message)),
        datacontenttype="application/json",
        time=instant(origin.now),
        traceparent=origin.traceparent,
        data=event.envelope.data,
        **about,
    )
    assert canonical(orjson.loads(value)) == value


def _survives_sealed(message: Message, origin: Origin, sequence: int, step: int) -> None:
    def sealed() -> tuple[bytes, str]:
        return seal(message, origin, team="acme", sequence=sequence, previous_hash=GENESIS, step=step, steps=step + 1)

    value, digest = sealed()
    event = decode(HISTORY.name, value)
    envelope = event.envelope

    assert event.message == message
    assert sequence_of(event) == sequence
    assert (envelope.hash, envelope.previoushash) == (digest, GENESIS)
    assert (envelope.step, envelope.steps) == (step, step + 1)
    assert Position.parse(envelope.input or "") == origin.position
    assert milliseconds(envelope.time or "") == origin.now
    assert (envelope.actor, envelope.correlationid) == (origin.actor, origin.correlationid)
    assert (envelope.causationid, envelope.traceparent) == (origin.causationid, origin.traceparent)
    assert is_intact(value)
    assert canonical(orjson.loads(value)) == value
    assert sealed() == (value, digest)


def test_the_hash_of_a_fact_covers_every_attribute() -> None:
    value, digest = seal(
        MESSAGE_TYPES["TeamCreated"](),
        Origin(Position("ownstack.commands", 1, 2), 1_000, "actor", "correlation", "cause", "trace"),
        team="acme",
        sequence=1,
        previous_hash=GENESIS,
        step=0,
        steps=1,
    )
    sealed = orjson.loads(value)
    for name in sealed.keys() - {"hash"}:
        assert hash_of({**sealed, name: "other"}) != digest, name


@pytest.mark.parametrize(
    "damaged",
    [b"", b"[]", b"{}", b'{"hash":null}', b'{"hash":"00"}', b"\xff", b'{"a":' + b"[" * 900 + b"]" * 900 + b"}"],
)
def test_what_is_no_sealed_fact_is_not_intact(damaged: bytes) -> None:
    assert not is_intact(damaged)


@effort(200)
@given(moments)
def test_an_instant_is_read_back_to_the_millisecond(time: int) -> None:
    assert milliseconds(instant(time)) == time


def test_a_record_without_an_id_gets_a_new_one_each_time() -> None:
    message = MESSAGE_TYPES["ClockTicked"]()
    records = {encode(message, source="/test", team=None) for _ in range(100)}
    assert len(records) == 100
