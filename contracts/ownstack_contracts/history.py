"""Facts as they stand in the history: each sealed with its team's sequence and the hash of the fact before it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from ownstack_contracts.envelope import Event, attributes_of, canonical, instant
from ownstack_contracts.message import Message

SOURCE = "/ownstack/promoter"
GENESIS = "0" * 64
"""The previous hash of a team's first fact."""


class Position(NamedTuple):
    """Where an input lies."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"

    @classmethod
    def parse(cls, text: str) -> Position:
        """Raises ValueError if `text` is no position."""
        topic, partition, offset = text.rsplit("/", 2)
        return cls(topic, int(partition), int(offset))


class Origin(NamedTuple):
    """What every fact of one decision has in common. `now` in ms since the epoch: the time that it was decided with."""

    position: Position
    now: int
    actor: str | None = None
    correlationid: str | None = None
    causationid: str | None = None
    traceparent: str | None = None


def seal(
    message: Message, origin: Origin, *, team: str, sequence: int, previous_hash: str, step: int, steps: int
) -> tuple[bytes, str]:
    """Write fact number `step` of `steps` of a decision. Returns its record and its hash."""
    about = attributes_of(message)
    head = {"data": about["data"], "datacontenttype": about["datacontenttype"], "dataschema": about["dataschema"]}
    for name in ("actor", "causationid", "correlationid"):
        if (value := getattr(origin, name)) is not None:
            head[name] = value
    position = str(origin.position)
    tail = {
        "id": f"{position}/{step}",
        "input": position,
        "previoushash": previous_hash,
        "sequence": sequence,
        "source": SOURCE,
        "specversion": about["specversion"],
        "step": step,
        "steps": steps,
        "team": team,
        "time": instant(origin.now),
        "type": about["type"],
    }
    if origin.traceparent is not None:
        tail["traceparent"] = origin.traceparent
    return _joined(canonical(head)[:-1], canonical(tail)[1:])


def _joined(head: bytes, tail: bytes) -> tuple[bytes, str]:
    """All keys of `head` sort before "hash" and all of `tail` after it: the hash is put between them."""
    digest = hashlib.sha256(head + b"," + tail).hexdigest()
    return b'%b,"hash":"%b",%b' % (head, digest.encode(), tail), digest


def hash_of(attributes: Mapping[str, Any]) -> str:
    """SHA-256 over the canonical form of a fact without its `hash`, in hexadecimal."""
    return hashlib.sha256(canonical({k: v for k, v in attributes.items() if k != "hash"})).hexdigest()


def is_intact(value: bytes) -> bool:
    """Whether a fact's record still has the hash that it was sealed with; what is no sealed fact has not."""
    try:
        attributes = orjson.loads(value)
        return isinstance(attributes, dict) and attributes.get("hash") == hash_of(attributes)
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):  # the latter: nested too deeply to have been written by us
        return False


def sequence_of(event: Event) -> int:
    """The sequence of a fact that was read from the history. Raises ValueError if it has none."""
    if event.envelope.sequence is None:
        raise ValueError(f"{event.envelope.type} {event.envelope.id} has no sequence: it is not from the history")
    return event.envelope.sequence
