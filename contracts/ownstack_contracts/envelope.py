"""The envelope: CloudEvents 1.0, JSON structured mode, one record = one event; written canonically, read strictly.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from ownstack_contracts.catalog import TYPES_BY_TOPIC
from ownstack_contracts.message import Message
from ownstack_contracts.names import CommandId, Identifier, Number, TeamName
from ownstack_contracts.topics import COMMANDS, MAX_RECORD_BYTES

Short = Annotated[str, StringConstraints(min_length=1, max_length=256)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Instant = Annotated[str, StringConstraints(pattern=r"^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)$")]

SCHEMA_PREFIX = "urn:ownstack:"


class Envelope(BaseModel):
    """The attributes of an event. Attributes that are not named here are allowed, and ignored.

    sequence, previoushash, hash: the team's chain. input: `topic/partition/offset` of the record that was decided on;
    step of steps: the place within that decision. All of these in history only.
    """

    model_config = ConfigDict(frozen=True, strict=True, extra="ignore")

    specversion: Literal["1.0"] = "1.0"
    id: Identifier
    source: Short
    type: Short
    dataschema: Short | None = None
    datacontenttype: Literal["application/json"] | None = None
    time: Instant | None = None
    team: TeamName | None = None
    actor: Short | None = None
    correlationid: Identifier | None = None
    causationid: Identifier | None = None
    traceparent: Short | None = None
    sequence: Number | None = None
    previoushash: Sha256 | None = None
    hash: Sha256 | None = None
    input: Short | None = None
    step: Number | None = None
    steps: Number | None = None
    data: dict[str, Any] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Event:
    """A message with the envelope it came in."""

    envelope: Envelope
    message: Message


class Unreadable(ValueError):  # noqa: N818 - a record is unreadable; it is no error of ours
    """A record that is no message: `code` is stable; team and id are given if at least they can be read."""

    def __init__(self, code: str, reason: str, *, envelope: Mapping[str, Any] | None = None) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        found = envelope or {}
        self.team: str | None = _valid(_TEAM, found.get("team"))
        self.id: str | None = _valid(_ID, found.get("id"))
        self.type: str | None = found["type"][:256] if isinstance(found.get("type"), str) else None


class _Team(BaseModel):
    model_config = ConfigDict(strict=True)
    value: TeamName


class _Id(BaseModel):
    model_config = ConfigDict(strict=True)
    value: CommandId


_TEAM, _ID = _Team, _Id


def _valid(model: type[_Team] | type[_Id], value: object) -> str | None:
    try:
        return model.model_validate({"value": value}).value
    except ValidationError:
        return None


def decode(topic: str, value: bytes) -> Event:
    """Read a record of `topic`. Raises Unreadable, and nothing else, whatever the bytes are."""
    raw = _json_object(value)
    if len(value) > MAX_RECORD_BYTES:
        raise Unreadable("too-large", f"The record has {len(value)} bytes; at most {MAX_RECORD_BYTES} are read.", envelope=raw)
    try:
        envelope = Envelope.model_validate(raw)
    except ValidationError as error:
        raise Unreadable("invalid-envelope", _first_error(error), envelope=raw) from None
    kind = TYPES_BY_TOPIC[topic].get(envelope.type)
    if kind is None:
        raise Unreadable("unknown-type", f"{envelope.type!r} is no message of {topic}.", envelope=raw)
    _check_version(kind, envelope, raw)
    if topic == COMMANDS.name:
        _check_command(envelope, raw)
    try:
        return Event(envelope, kind.model_validate(envelope.data))
    except ValidationError as error:
        raise Unreadable("invalid-data", f"{envelope.type}: {_first_error(error)}", envelope=raw) from None


def _json_object(value: bytes) -> dict[str, Any]:
    try:
        raw = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise Unreadable("not-json", f"The record is not JSON: {error}.") from None
    if not isinstance(raw, dict):
        raise Unreadable("not-an-object", "The record is JSON, but not an object.")
    return raw


def _check_version(kind: type[Message], envelope: Envelope, raw: Mapping[str, Any]) -> None:
    if envelope.dataschema is not None and envelope.dataschema != schema_of(kind):
        raise Unreadable(
            "unknown-version",
            f"{envelope.type} is known as {schema_of(kind)}, not as {envelope.dataschema}.",
            envelope=raw,
        )


def _check_command(envelope: Envelope, raw: Mapping[str, Any]) -> None:
    if envelope.team is None:
        raise Unreadable("no-team", "A command says in `team` whose it is.", envelope=raw)
    if _valid(_ID, envelope.id) is None:
        raise Unreadable("invalid-id", "The id of a command is 1 to 64 letters, digits or . _ : -", envelope=raw)


def _first_error(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}" if where else first["msg"]


def schema_of(kind: type[Message]) -> str:
    """The `dataschema` of a message type in its present version."""
    return f"{SCHEMA_PREFIX}{kind.type_name()}:{kind.version}"


def canonical(value: object) -> bytes:
    """Compact UTF-8 JSON with sorted keys: for ASCII keys and without floats this is RFC 8785."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def encode(
    message: Message,
    *,
    source: str,
    team: str | None,
    id: str | None = None,  # noqa: A002 - the attribute's name in CloudEvents
    actor: str | None = None,
    time: int | None = None,
    correlationid: str | None = None,
    causationid: str | None = None,
    traceparent: str | None = None,
) -> bytes:
    """Write a command, a report or a log record. `id` None: a new one. `time` in ms since the epoch; None: none."""
    attributes = {
        **attributes_of(message),
        "id": id or str(uuid.uuid4()),
        "source": source,
        "team": team,
        "actor": actor,
        "time": None if time is None else instant(time),
        "correlationid": correlationid,
        "causationid": causationid,
        "traceparent": traceparent,
    }
    return canonical({name: value for name, value in attributes.items() if value is not None})


def attributes_of(message: Message) -> dict[str, Any]:
    """The attributes that follow from the message alone. What is None or a default is left out of `data`."""
    return {
        "specversion": "1.0",
        "type": message.type_name(),
        "dataschema": schema_of(type(message)),
        "datacontenttype": "application/json",
        "data": message.model_dump(exclude_none=True),
    }


def instant(milliseconds: int) -> str:
    """A point in time as CloudEvents write it (RFC 3339, UTC, milliseconds)."""
    moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{milliseconds % 1000:03d}Z"


def milliseconds(text: str) -> int:
    """The reverse of `instant`; also reads other offsets. Raises ValueError on a date that does not exist."""
    moment = datetime.fromisoformat(text)
    return int(moment.timestamp()) * 1000 + moment.microsecond // 1000
