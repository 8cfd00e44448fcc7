"""Reads facts from the history, strictly: what is altered, missing or not known here stops the reader."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from hashlib import sha256
from types import MappingProxyType
from typing import Any, NamedTuple

import orjson
from pydantic import ValidationError

from ownstack_bus.port import Record
from ownstack_contracts.catalog import HISTORY_TYPES
from ownstack_contracts.envelope import milliseconds, schema_of
from ownstack_contracts.history import hash_of
from ownstack_contracts.message import Message
from ownstack_contracts.topics import COMMANDS
from ownstack_projections.stopped import FactUnknown, HistoryDamaged, ProjectionStopped


class _Kind(NamedTuple):
    """How a type is read: its validator is called without pydantic's wrapper, since every fact passes here."""

    schema: str
    read: Callable[[object], Message]


_KINDS: Mapping[str, _Kind] = MappingProxyType(
    {name: _Kind(schema_of(kind), kind.__pydantic_validator__.validate_python) for name, kind in HISTORY_TYPES.items()}
)
_at = lru_cache(maxsize=64)(milliseconds)  # the facts of a decision have one time
_FROM_COMMANDS = f"{COMMANDS.name}/"


class Stamp(NamedTuple):
    """What is known of a fact beside what it says.

    at: when it was decided, ms since the epoch. command: the id of the command that was decided on; None if the input
    was a report. step: the place within the decision, from 0.
    """

    team: str
    sequence: int
    at: int
    actor: str | None
    command: str | None
    step: int


class Fact(NamedTuple):
    """A fact as it stands in the history."""

    message: Message
    stamp: Stamp
    hash: str
    previous_hash: str
    record: bytes


def read(record: Record) -> Fact:
    """Read a record of the history. Raises HistoryDamaged or FactUnknown, with the place of the record."""
    try:
        raw = orjson.loads(record.value)
        kind = _KINDS.get(raw["type"])
        if kind is None or raw.get("dataschema", kind.schema) != kind.schema:
            raise _unknown(record, raw)
        if not _is_intact(record.value, raw):
            raise _damaged(record, "its hash is not the hash of its content")
        return Fact(kind.read(raw["data"]), _stamp(raw), raw["hash"], raw["previoushash"], record.value)
    except ProjectionStopped:
        raise
    except ValidationError as error:
        raise _damaged(record, f"{error.error_count()} of its fields are not as its type has them") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damaged(record, f"it is no fact ({error!r})") from error


def _is_intact(value: bytes, raw: Mapping[str, Any]) -> bool:
    """As it was written, the record without its hash is what was hashed; in another form it has to be written again."""
    sealed: str = raw["hash"]
    if sha256(value.replace(b'"hash":"%b",' % sealed.encode(), b"", 1)).hexdigest() == sealed:
        return True
    return hash_of(raw) == sealed


def _stamp(raw: Mapping[str, Any]) -> Stamp:
    command = raw.get("causationid") if raw["input"].startswith(_FROM_COMMANDS) else None
    return Stamp(raw["team"], raw["sequence"], _at(raw["time"]), raw.get("actor"), command, raw["step"])


def where(record: Record) -> str:
    """The place of a record, for people."""
    return f"{record.topic}/{record.partition}/{record.offset}"


def _damaged(record: Record, what: str) -> HistoryDamaged:
    return HistoryDamaged(
        "history-damaged",
        f"{where(record)}: {what}. The projection has stopped before it; restore the history from a copy.",
    )


def _unknown(record: Record, raw: Mapping[str, Any]) -> FactUnknown:
    return FactUnknown(
        "fact-unknown",
        f"{where(record)}: a fact {raw['type']!r} of the version {raw.get('dataschema')} is not known here. The "
        "projection has stopped before it; run the release that wrote it, or a newer one.",
    )
