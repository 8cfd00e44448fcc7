"""Reads facts from the history, strictly: what is altered, missing or not known here stops the reader."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import orjson
from ownstack_bus.port import Record
from ownstack_contracts.catalog import HISTORY_TYPES
from ownstack_contracts.envelope import milliseconds, schema_of
from ownstack_contracts.history import hash_of
from ownstack_contracts.message import Message
from ownstack_contracts.topics import COMMANDS
from pydantic import ValidationError

from ownstack_projections.stopped import FactUnknown, HistoryDamaged, ProjectionStopped

_SCHEMAS: Mapping[str, str] = MappingProxyType({name: schema_of(kind) for name, kind in HISTORY_TYPES.items()})
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
        _check_known(record, raw)
        if hash_of(raw) != raw["hash"]:
            raise _damaged(record, "its hash is not the hash of its content")
        return _fact(record, raw)
    except ProjectionStopped:
        raise
    except ValidationError as error:
        raise _damaged(record, f"{error.error_count()} fields are not as its type has them") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _damaged(record, f"it is no fact ({error})") from error


def _check_known(record: Record, raw: Mapping[str, Any]) -> None:
    schema = _SCHEMAS.get(raw["type"])
    if schema is None or raw.get("dataschema", schema) != schema:
        raise FactUnknown(
            "fact-unknown",
            f"{where(record)} is a {raw['type']} of version {raw.get('dataschema')}, which is not known here. "
            "Run the release that wrote it, or a newer one; nothing was skipped.",
        )


def _fact(record: Record, raw: dict[str, Any]) -> Fact:
    stamp = Stamp(
        team=raw["team"],
        sequence=raw["sequence"],
        at=milliseconds(raw["time"]),
        actor=raw.get("actor"),
        command=raw.get("causationid") if raw["input"].startswith(_FROM_COMMANDS) else None,
        step=raw["step"],
    )
    message = HISTORY_TYPES[raw["type"]].model_validate(raw["data"])
    return Fact(message, stamp, raw["hash"], raw["previoushash"], record.value)


def where(record: Record) -> str:
    """The place of a record, for people."""
    return f"{record.topic}/{record.partition}/{record.offset}"


def _damaged(record: Record, what: str) -> HistoryDamaged:
    return HistoryDamaged(
        "history-damaged",
        f"{where(record)}: {what}. The projection has stopped before it; restore the history from a copy.",
    )
