"""The envelope: CloudEvents 1.0, JSON structured mode, one record = one event; written canonically, read strictly.

https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Any, Literal, NamedTuple

import orjson
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from ownstack_contracts.catalog import TYPES_BY_TOPIC
from ownstack_contracts.config import CONFIDENTIAL
from ownstack_contracts.message import Message
from ownstack_contracts.names import COMMAND_ID_PATTERN, NAME_PATTERN, Identifier, Number, TeamName
from ownstack_contracts.topics import COMMANDS, LOGS, MAX_RECORD_BYTES, REPORTS

Short = Annotated[str, StringConstraints(min_length=1, max_length=256)]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
_DATE, _TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2}", r"[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?"
Instant = Annotated[str, StringConstraints(pattern=rf"^{_DATE}[Tt]{_TIME}(?:[Zz]|[+-][0-9]{{2}}:[0-9]{{2}})$")]

SCHEMA_PREFIX = "urn:ownstack:"
_REASON_CHARACTERS = 1_000


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


class Event(NamedTuple):
    """A message with the envelope it came in."""

    envelope: Envelope
    message: Message


class Unreadable(ValueError):
    """A record that is no message: `code` is stable; team and id are given if at least they can be read."""

    def __init__(self, code: str, reason: str, *, envelope: Mapping[str, Any] | None = None) -> None:
        reason = reason[:_REASON_CHARACTERS]
        super().__init__(reason)
        self.code = code
        self.reason = reason
        found = envelope or {}
        self.team: str | None = _matching(_TEAM, found.get("team"))
        self.id: str | None = _matching(_COMMAND_ID, found.get("id"))
        self.type: str | None = found["type"][:256] if isinstance(found.get("type"), str) else None


_TEAM, _COMMAND_ID = re.compile(NAME_PATTERN), re.compile(COMMAND_ID_PATTERN)


def _matching(pattern: re.Pattern[str], value: object) -> str | None:
    return value if isinstance(value, str) and pattern.fullmatch(value) else None


class _Kind(NamedTuple):
    """How a type is read: the validators are called without pydantic's wrappers, since every record passes here."""

    schema: str
    read: Callable[[object], Message]


def schema_of(kind: type[Message]) -> str:
    """The `dataschema` of a message type in its present version."""
    return f"{SCHEMA_PREFIX}{kind.type_name()}:{kind.version}"


_KINDS: Mapping[str, Mapping[str, _Kind]] = {
    topic: {name: _Kind(schema_of(kind), kind.__pydantic_validator__.validate_python) for name, kind in types.items()}
    for topic, types in TYPES_BY_TOPIC.items()
}
_read_envelope: Callable[[object], Envelope] = Envelope.__pydantic_validator__.validate_python


_FROM_OTHERS = frozenset((COMMANDS.name, REPORTS.name, LOGS.name))
"""Where a record's size is limited. What the promoter writes it must also be able to read: the end of a rollout over
5,000 stacks has several hundred KiB."""


def decode(topic: str, value: bytes) -> Event:
    """Read a record of `topic`. Raises Unreadable, and nothing else, whatever the bytes are."""
    raw = _json_object(value)
    if len(value) > MAX_RECORD_BYTES and topic in _FROM_OTHERS:
        reason = f"The record has {len(value)} bytes; at most {MAX_RECORD_BYTES} are read."
        raise Unreadable("too-large", reason, envelope=raw)
    try:
        envelope = _read_envelope(raw)
    except ValidationError as error:
        raise Unreadable("invalid-envelope", _first_error(error), envelope=raw) from None
    kind = _KINDS[topic].get(envelope.type)
    if kind is None:
        raise Unreadable("unknown-type", f"{envelope.type!r} is no message of {topic}.", envelope=raw)
    if envelope.dataschema is not None and envelope.dataschema != kind.schema:
        reason = f"{envelope.type} is known as {kind.schema}, not as {envelope.dataschema}."
        raise Unreadable("unknown-version", reason, envelope=raw)
    if topic == COMMANDS.name:
        _check_command(envelope, raw)
    try:
        return Event(envelope, kind.read(envelope.data))
    except ValidationError as error:
        if envelope.type in CONFIDENTIAL:
            code, reason = _without_its_words(envelope.type, TYPES_BY_TOPIC[topic][envelope.type], error)
        else:
            code, reason = "invalid-data", f"{envelope.type}: {_first_error(error)}"
        raise Unreadable(code, reason, envelope=raw) from None


def _without_its_words(name: str, kind: type[Message], error: ValidationError) -> tuple[str, str]:
    """The code and the reason for a command that carries config: nothing that stands in it is repeated."""
    fields = [str(one["loc"][0]) if one["loc"] else "" for one in error.errors(include_url=False, include_input=False)]
    if "values" in fields:
        return "config-not-encrypted", (
            f"{name}: its values are not encrypted for the app, as the API does it (ownstack config:set). What was "
            "published stands on ownstack.commands for 14 days: whoever may read that has read it. Change the secret."
        )
    known = next((field for field in fields if field in kind.model_fields), None)
    return "invalid-data", f"{name}: {known} is missing or wrong." if known else f"{name}: it has a field too many."


def _json_object(value: bytes) -> dict[str, Any]:
    try:
        raw = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise Unreadable("not-json", f"The record is not JSON: {error}.") from None
    if not isinstance(raw, dict):
        raise Unreadable("not-an-object", "The record is JSON, but not an object.")
    return raw


def _check_command(envelope: Envelope, raw: Mapping[str, Any]) -> None:
    if envelope.team is None:
        raise Unreadable("no-team", "A command says in `team` whose it is.", envelope=raw)
    if _COMMAND_ID.fullmatch(envelope.id) is None:
        raise Unreadable("invalid-id", "The id of a command is 1 to 64 letters, digits or . _ : -", envelope=raw)


def _first_error(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    where = ".".join(str(part) for part in first["loc"])
    return f"{where}: {first['msg']}" if where else first["msg"]


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
    attributes = attributes_of(message)
    attributes["id"] = id or secrets.token_hex(16)
    attributes["source"] = source
    for name, value in (
        ("team", team),
        ("actor", actor),
        ("time", None if time is None else instant(time)),
        ("correlationid", correlationid),
        ("causationid", causationid),
        ("traceparent", traceparent),
    ):
        if value is not None:
            attributes[name] = value
    return canonical(attributes)


def attributes_of(message: Message) -> dict[str, Any]:
    """The attributes that follow from the message alone. What is None is left out of `data`."""
    kind = type(message)
    return {
        "specversion": "1.0",
        "type": kind.__name__,
        "dataschema": f"{SCHEMA_PREFIX}{kind.__name__}:{kind.version}",
        "datacontenttype": "application/json",
        "data": kind.__pydantic_serializer__.to_python(message, exclude_none=True),
    }


def instant(milliseconds: int) -> str:
    """A point in time as CloudEvents write it (RFC 3339, UTC, milliseconds)."""
    seconds, rest = divmod(milliseconds, 1_000)
    return f"{_second(seconds)}.{rest:03d}Z"


@lru_cache(maxsize=1_024)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def milliseconds(text: str) -> int:
    """The reverse of `instant`; also reads other offsets. Raises ValueError on a date that does not exist."""
    moment = datetime.fromisoformat(text)
    return int(moment.timestamp()) * 1000 + moment.microsecond // 1000
