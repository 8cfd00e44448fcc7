"""Dead letters over the port: the newest first, each found by its place, sent again as the event that it was."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest

from ownstack_bus import dead_letters
from ownstack_bus.dead_letters import Letter, NotResendable, find, letter_of, newest, resent
from ownstack_bus.embedded import EmbeddedBus
from ownstack_bus.port import Outgoing, Record
from ownstack_contracts.dead_letters import KEPT_BYTES, RawRecord, dead_letter
from ownstack_contracts.topics import COMMANDS, DEAD_LETTERS

EVENT = {"specversion": "1.0", "id": "c1", "source": "/ci", "type": "AppCreated", "team": "acme", "data": {"app": "?"}}


@pytest.fixture
async def bus(tmp_path: Path) -> AsyncIterator[EmbeddedBus]:
    bus = await EmbeddedBus.open(tmp_path / "bus.db", partitions=3)
    yield bus
    await bus.close()


def dead(value: bytes, key: str = "acme", topic: str = COMMANDS.name, code: str = "not-json") -> Outgoing:
    letter = dead_letter(RawRecord(topic, 2, 17, 1_800_000_000_000, key, value), code, "It can't be read.")
    return Outgoing(DEAD_LETTERS.name, letter.key, letter.value, headers=letter.headers)


def lying(value: bytes, key: str = "acme", topic: str = COMMANDS.name) -> Letter:
    written = dead(value, key, topic)
    return letter_of(Record(DEAD_LETTERS.name, 1, 4, 1_800_000_000_500, key, written.value, written.headers))


async def listed(bus: EmbeddedBus, **how: object) -> list[Letter]:
    return [letter async for letter in newest(bus, **how)]  # type: ignore[arg-type]


async def test_the_newest_of_all_partitions_comes_first(bus: EmbeddedBus) -> None:
    for number in range(30):
        await bus.publish([dead(b"%d" % number, key=f"team-{number}")])
    letters = await listed(bus)
    assert len({letter.place[1] for letter in letters}) == 3
    places = [letter.place for letter in letters]
    assert len(places) == 30
    assert places == sorted(places, reverse=True)


async def test_a_list_goes_on_where_it_was_cut(bus: EmbeddedBus) -> None:
    await bus.publish([dead(b"%d" % number, key=f"team-{number}") for number in range(250)])
    everything = await listed(bus)
    rest = await listed(bus, before=everything[99].place)
    assert rest == everything[100:]
    assert len(everything) == 250


async def test_no_more_than_the_last_records_of_a_partition_are_looked_at(
    bus: EmbeddedBus, monkeypatch: pytest.MonkeyPatch
) -> None:
    await bus.publish([dead(b"%d" % number) for number in range(250)])
    monkeypatch.setattr(dead_letters, "SCANNED", 120)
    assert [letter.kept for letter in await listed(bus)] == [b"%d" % number for number in range(249, 129, -1)]
    monkeypatch.setattr(dead_letters, "SCANNED_BYTES", 10)
    assert len(await listed(bus)) == 100


async def test_a_letter_is_found_by_its_place(bus: EmbeddedBus) -> None:
    await bus.publish([dead(b"one"), dead(b"two")])
    (second, first) = await listed(bus)
    assert await find(bus, first.id) == first
    assert await find(bus, second.id) == second
    assert (first.kept, first.topic, first.partition, first.offset, first.origin_at) == (
        b"one",
        "ownstack.commands",
        2,
        17,
        1_800_000_000_000,
    )


@pytest.mark.parametrize("name", ["", "1", "99-0", "0-0", "-1-0", "1-9999999", "0-x", "٣-٤", "1-1-1"])
async def test_what_is_no_place_of_a_letter_is_none(bus: EmbeddedBus, name: str) -> None:
    assert await find(bus, name) is None


def test_whose_it_is_is_said_by_the_record_before_its_key() -> None:
    assert lying(orjson.dumps({"team": "rival"}), key="acme").team == "rival"
    assert lying(b"{broken", key="acme").team == "acme"
    assert lying(b"{broken", key="acme/shop@eu-1").team == "acme"
    assert lying(orjson.dumps({"team": 7}), key="acme").team is None
    assert lying(b"{broken", key="No Team").team is None


def test_a_letter_without_headers_is_one_of_which_nothing_is_known() -> None:
    letter = letter_of(Record(DEAD_LETTERS.name, 0, 0, 5, "", b"\xff", (("length", b"-3"), ("origin-offset", b"1e9"))))
    assert (letter.code, letter.topic, letter.offset, letter.length, letter.cut) == ("unknown", "", -1, -1, True)
    assert letter.document()["text"] == "\ufffd"
    with pytest.raises(NotResendable, match="where it came from") as refused:
        resent(letter, "new")
    assert refused.value.code == "dead-letter-origin-unknown"


def test_it_is_sent_again_as_it_was_under_a_new_id() -> None:
    record = resent(lying(orjson.dumps(EVENT), key="some-key"), "c2")
    assert (record.topic, record.key, record.partition) == ("ownstack.commands", "some-key", None)
    assert orjson.loads(record.value) == {**EVENT, "id": "c2", "causationid": "c1"}


@pytest.mark.parametrize(
    ("value", "topic", "code"),
    [
        (orjson.dumps({**EVENT, "data": "x" * KEPT_BYTES}), COMMANDS.name, "dead-letter-cut"),
        (b'{"type":"ConfigSet","id":"c1"}', COMMANDS.name, "dead-letter-cut"),
        (b"{broken", COMMANDS.name, "dead-letter-not-an-event"),
        (b"[]", COMMANDS.name, "dead-letter-not-an-event"),
        (b'{"id":"c1"}', COMMANDS.name, "dead-letter-not-an-event"),
        (orjson.dumps(EVENT), "ownstack.history", "dead-letter-origin-unknown"),
    ],
)
def test_what_can_not_be_sent_again_says_why_and_what_to_do(value: bytes, topic: str, code: str) -> None:
    with pytest.raises(NotResendable) as refused:
        resent(lying(value, topic=topic), "c2")
    assert refused.value.code == code
    assert refused.value.message.endswith(".")
    assert refused.value.hint.endswith(".")
