"""Dead letters: what could not be read is kept as it came, with the reason and where it came from in headers."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import orjson

from ownstack_contracts.config import CONFIDENTIAL
from ownstack_contracts.topics import COMMANDS

KEPT_BYTES = 64 * 1024
"""So much of a record is kept; its hash is always that of the whole."""

_CONFIDENTIAL = tuple(name.lower() for name in CONFIDENTIAL)


class RawRecord(NamedTuple):
    """A record as it lay on the bus. `timestamp`: its append time in ms since the epoch."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    key: str
    value: bytes


class DeadLetter(NamedTuple):
    """What is to be written on `dead-letters`."""

    key: str
    value: bytes
    headers: tuple[tuple[str, bytes], ...]


HEADERS = {
    "reason-code": "why it could not be read: a stable code",
    "reason": "why it could not be read: a sentence",
    "origin-topic": "the topic that it was read from",
    "origin-partition": "the partition that it was read from",
    "origin-offset": "its offset there",
    "origin-timestamp": "when it was appended there: ms since the epoch",
    "sha256": "SHA-256 of the whole value, in hexadecimal",
    "length": "the length of the whole value, in bytes",
}
"""The headers of a dead letter, in order; all are UTF-8 text."""


def dead_letter(record: RawRecord, code: str, reason: str) -> DeadLetter:
    """The dead letter of a record that could not be read, or whose decision failed. Raises nothing: bytes are bytes."""
    values = (
        code,
        reason,
        record.topic,
        record.partition,
        record.offset,
        record.timestamp,
        hashlib.sha256(record.value).hexdigest(),
        len(record.value),
    )
    headers = tuple((name, str(value).encode("utf-8", "replace")) for name, value in zip(HEADERS, values, strict=True))
    return DeadLetter(
        record.key,
        b"" if record.topic == COMMANDS.name and _holds_secrets(record.value) else record.value[:KEPT_BYTES],
        headers,
    )


def _holds_secrets(value: bytes) -> bool:
    """Whether it may be a command that carries config: by its type, nearly so, or by the field that has the values, in
    whatever form it was written."""
    plainly = value.lower().replace(b"\0", b"")  # of UTF-16 every other byte is none
    if b"values" in plainly:
        return True
    try:
        event = orjson.loads(value)
    except orjson.JSONDecodeError:
        return any(name.encode() in plainly for name in _CONFIDENTIAL)
    kind = str(event.get("type")).lower() if isinstance(event, dict) else ""
    return any(name in "".join(filter(str.isalpha, kind)) for name in _CONFIDENTIAL)
