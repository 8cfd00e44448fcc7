"""Ten thousand records that went wrong: each is a message still, or a dead letter with a reason; never an exception."""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from ownstack_contracts.catalog import TYPES_BY_TOPIC
from ownstack_contracts.config import CONFIDENTIAL
from ownstack_contracts.dead_letters import HEADERS, KEPT_BYTES, RawRecord, dead_letter
from ownstack_contracts.envelope import Event, Unreadable, decode
from ownstack_contracts.golden import golden_records, topics_of
from ownstack_contracts.history import GENESIS, Origin, Position, is_intact, seal
from ownstack_contracts.rejections import CommandRejected
from ownstack_contracts.topics import COMMANDS, MAX_RECORD_BYTES

RECORDS = 10_000
SEED = 20_260_101
Luck = random.Random

GOLDEN = [(topic, value) for name, value in golden_records() for topic in topics_of(name)]

STRANGE: tuple[bytes, ...] = (
    b"null",
    b"true",
    b"-1",
    b"0.5",
    b"1e400",
    b"NaN",
    b"-Infinity",
    b"9" * 30,
    b"-" + b"9" * 19,
    b"18446744073709551616",
    b'""',
    b'"\\ud800"',
    b'"\\u0000"',
    b'"' + b"x" * 70_000 + b'"',
    '"\u0661\u0662"'.encode(),
    b'"shop\\n"',
    b"[]",
    b"{}",
    b"[" * 900 + b"]" * 900,
    b'{"a":' * 900 + b"1" + b"}" * 900,
    b"[" * 100_000,
    b'[{"stack":1}]',
    b'{"":{"":{"":0}}}',
)


def flip_bits(value: bytes, luck: Luck) -> bytes:
    out = bytearray(value)
    for _ in range(luck.randint(1, 8)):
        out[luck.randrange(len(out))] ^= 1 << luck.randrange(8)
    return bytes(out)


def cut(value: bytes, luck: Luck) -> bytes:
    first, last = sorted((luck.randrange(len(value) + 1), luck.randrange(len(value) + 1)))
    return value[first:last] if luck.random() < 0.5 else value[:first] + value[last:]


def insert_bytes(value: bytes, luck: Luck) -> bytes:
    at = luck.randrange(len(value) + 1)
    return value[:at] + luck.randbytes(luck.randint(1, 20)) + value[at:]


def insert_something_strange(value: bytes, luck: Luck) -> bytes:
    at = luck.randrange(len(value) + 1)
    return value[:at] + luck.choice(STRANGE) + value[at:]


def replace_a_value(value: bytes, luck: Luck) -> bytes:
    """One value of the record or of its data becomes something strange."""
    record = orjson.loads(value)
    inner = record["data"] if record["data"] and luck.random() < 0.6 else record
    mark = "\x01mark"
    inner[luck.choice(sorted(inner))] = mark
    return orjson.dumps(record).replace(orjson.dumps(mark), luck.choice(STRANGE))


def drop_or_add_a_field(value: bytes, luck: Luck) -> bytes:
    record = orjson.loads(value)
    inner = record["data"] if luck.random() < 0.5 else record
    if inner and luck.random() < 0.5:
        del inner[luck.choice(sorted(inner))]
    else:
        inner[luck.choice(("x", "data", "\u00e4", "release", "team", "x" * 5_000))] = luck.choice((1, "y", None, [[]]))
    return orjson.dumps(record)


def repeat_a_key(value: bytes, luck: Luck) -> bytes:
    key = luck.choice((b"type", b"id", b"data", b"team", b"specversion", b"dataschema"))
    return b'{"' + key + b'":' + luck.choice(STRANGE) + b"," + value[1:]


def swap_the_type(value: bytes, luck: Luck) -> bytes:
    record = orjson.loads(value)
    every = [name for types in TYPES_BY_TOPIC.values() for name in types]
    record["type"] = luck.choice([*every, "Unknown", "", "x" * 300, "teamcreated"])
    if luck.random() < 0.5:
        record["dataschema"] = f"urn:ownstack:{record['type']}:1"
    return orjson.dumps(record)


def other_version(value: bytes, luck: Luck) -> bytes:
    record = orjson.loads(value)
    kind = record["type"]
    record["dataschema"] = luck.choice((f"urn:ownstack:{kind}:2", f"urn:ownstack:{kind}:01", "urn:x", "", kind))
    return orjson.dumps(record)


def other_encoding(value: bytes, luck: Luck) -> bytes:
    encoding = luck.choice(("utf-16", "utf-32", "utf-8-sig", "latin-1"))
    return value.decode().replace("acme", "\u00e4cme").encode(encoding, "replace")


def grow(value: bytes, luck: Luck) -> bytes:
    return value + b" " * luck.choice((MAX_RECORD_BYTES - len(value), MAX_RECORD_BYTES + 1 - len(value), 300_000))


def no_object_any_more(value: bytes, luck: Luck) -> bytes:
    return luck.choice((b"[" + value + b"]", orjson.dumps(value.decode()), value + value, *STRANGE))


MUTATIONS: tuple[Callable[[bytes, Luck], bytes], ...] = (
    flip_bits,
    cut,
    insert_bytes,
    insert_something_strange,
    replace_a_value,
    drop_or_add_a_field,
    repeat_a_key,
    swap_the_type,
    other_version,
    other_encoding,
    grow,
    no_object_any_more,
)
BYTE_MUTATIONS = (flip_bits, cut, insert_bytes, insert_something_strange)


def mutated(number: int) -> tuple[str, bytes]:
    """The topic and the bytes of mutated record `number`: the same on every run."""
    luck = random.Random(SEED * RECORDS + number)
    topic, value = luck.choice(GOLDEN)
    value = MUTATIONS[number % len(MUTATIONS)](value, luck)
    if luck.random() < 0.15 and value:
        value = luck.choice(BYTE_MUTATIONS)(value, luck)
    return (luck.choice(sorted(TYPES_BY_TOPIC)) if luck.random() < 0.1 else topic), value


def read(topic: str, value: bytes) -> Event | Unreadable:
    """Anything but these two is what must never happen."""
    try:
        return decode(topic, value)
    except Unreadable as unreadable:
        return unreadable


def test_each_of_ten_thousand_mutated_records_is_a_message_or_a_dead_letter_with_a_reason() -> None:
    seen: Counter[str] = Counter()
    for number in range(RECORDS):
        topic, value = mutated(number)
        outcome = read(topic, value)
        if isinstance(outcome, Event):
            seen["message"] += 1
            assert type(outcome.message) is TYPES_BY_TOPIC[topic][outcome.envelope.type]
            is_intact(value)  # says yes or no, whatever the bytes are
        else:
            seen[outcome.code] += 1
            _becomes_a_dead_letter(outcome, topic, number, value)
            _becomes_a_rejection(outcome)
    assert seen.total() == RECORDS
    assert seen.keys() >= {
        "message",
        "not-json",
        "not-an-object",
        "too-large",
        "invalid-envelope",
        "unknown-type",
        "unknown-version",
        "no-team",
        "invalid-id",
        "invalid-data",
        "config-not-encrypted",
    }, seen


def _becomes_a_dead_letter(unreadable: Unreadable, topic: str, offset: int, value: bytes) -> None:
    letter = dead_letter(RawRecord(topic, 3, offset, 1_000, "acme", value), unreadable.code, unreadable.reason)
    headers = dict(letter.headers)
    assert list(headers) == list(HEADERS)
    assert headers["reason-code"]
    assert headers["reason"].decode()
    assert len(headers["reason"]) <= 4_000
    assert headers["sha256"].decode() == hashlib.sha256(value).hexdigest()
    assert letter.value == value[:KEPT_BYTES] or (letter.value == b"" and _may_carry_config(value))


def _may_carry_config(value: bytes) -> bool:
    plainly = value.replace(b"\0", b"").lower()
    return b"values" in plainly or any(name.lower().encode() in plainly for name in CONFIDENTIAL)


def _becomes_a_rejection(unreadable: Unreadable) -> None:
    """When team and id can be read, the publisher is told as well."""
    if unreadable.id is None or unreadable.team is None:
        return
    rejected = CommandRejected(
        command=unreadable.id,
        command_type=unreadable.type or "",
        code=unreadable.code,
        message=unreadable.reason,
    )
    origin = Origin(Position(COMMANDS.name, 0, 0), 0)
    value, _ = seal(rejected, origin, team=unreadable.team, sequence=1, previous_hash=GENESIS, step=0, steps=1)
    assert is_intact(value)


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (b"", "not-json"),
        (b"[" * 200_000, "not-json"),
        (b'{"a":"\\ud800"}', "not-json"),
        (b'{"a":NaN}', "not-json"),
        (b'{"a":"\xff"}', "not-json"),
        (b"[]", "not-an-object"),
        (b"{}", "invalid-envelope"),
        (b'{"specversion":"0.3","id":"a","source":"/x","type":"TeamCreated","team":"acme"}', "invalid-envelope"),
        (b'{"specversion":"1.0","id":"a","source":"/x","type":"JobClaimed","team":"acme"}', "unknown-type"),
        (b'{"specversion":"1.0","id":"a","source":"/x","type":"TeamCreated"}', "no-team"),
        (b'{"specversion":"1.0","id":"a/b","source":"/x","type":"TeamCreated","team":"acme"}', "invalid-id"),
        (
            b'{"specversion":"1.0","id":"a","source":"/x","type":"TeamCreated","team":"acme","dataschema":"urn:x"}',
            "unknown-version",
        ),
        (
            b'{"specversion":"1.0","id":"a","source":"/x","type":"TeamCreated","team":"acme","data":{"x":1}}',
            "invalid-data",
        ),
        (b'{"type":"TeamCreated","x":"' + b"x" * MAX_RECORD_BYTES + b'"}', "too-large"),
    ],
)
def test_what_is_wrong_with_a_command_has_a_stable_code(value: bytes, code: str) -> None:
    with pytest.raises(Unreadable) as caught:
        decode(COMMANDS.name, value)
    assert caught.value.code == code


def test_team_id_and_type_of_an_unreadable_record_are_told_as_far_as_they_can_be_read() -> None:
    record: dict[str, Any] = {"id": "a-1", "source": "/x", "type": "TeamCreated", "team": "acme", "data": {"x": 1}}
    with pytest.raises(Unreadable) as readable:
        decode(COMMANDS.name, orjson.dumps(record))
    assert (readable.value.team, readable.value.id, readable.value.type) == ("acme", "a-1", "TeamCreated")

    with pytest.raises(Unreadable) as damaged:
        decode(COMMANDS.name, orjson.dumps({**record, "id": "a-1\n", "team": ["acme"], "type": 7}))
    assert (damaged.value.team, damaged.value.id, damaged.value.type) == (None, None, None)


def test_the_reason_stays_short_however_long_the_field_name_is() -> None:
    record = {"id": "a", "source": "/x", "type": "TeamCreated", "team": "acme", "data": {"x" * 100_000: 1}}
    with pytest.raises(Unreadable) as caught:
        decode(COMMANDS.name, orjson.dumps(record))
    assert len(caught.value.reason) <= 1_000


def test_the_golden_records_that_are_mutated_are_those_in_the_folder() -> None:
    folder = Path(__file__).parents[3] / "contracts" / "golden"
    assert len(list(folder.rglob("*.json"))) >= len(list(golden_records()))
