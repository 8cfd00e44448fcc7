"""JSON Schema (2020-12) of every message, and of the envelope around it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from ownstack_contracts.catalog import TYPES_BY_TOPIC
from ownstack_contracts.documents.meanings import ENVELOPE, meaning_of
from ownstack_contracts.envelope import Envelope, schema_of
from ownstack_contracts.jobs import Live
from ownstack_contracts.message import Message
from ownstack_contracts.rollouts import ReleaseTaskRun, StackResult

DIALECT = "https://json-schema.org/draft/2020-12/schema"
ENVELOPE_FILE = "envelope.json"
PARTS: tuple[type[Message], ...] = (Live, StackResult, ReleaseTaskRun)
"""What stands inside of messages and is described with them."""

Schema = dict[str, Any]


def message_types() -> dict[str, type[Message]]:
    """Every message of every topic, by type, in alphabetical order."""
    return dict(sorted((name, kind) for types in TYPES_BY_TOPIC.values() for name, kind in types.items()))


def schema_file(kind: type[Message]) -> str:
    """The name of the file with the schema of a message."""
    return f"{kind.type_name()}.{kind.version}.json"


def schemas() -> Iterator[tuple[str, Schema]]:
    """The name and the content of each schema file."""
    yield ENVELOPE_FILE, envelope_schema()
    for kind in message_types().values():
        yield schema_file(kind), message_schema(kind)


def message_schema(kind: type[Message]) -> Schema:
    """The schema of the `data` of a message."""
    schema = _untitled(kind.model_json_schema())
    _describe(schema, {name: meaning_of(kind, name) for name in kind.model_fields})
    for part in PARTS:
        if part.__name__ in schema.get("$defs", {}):
            _describe(schema["$defs"][part.__name__], {name: meaning_of(part, name) for name in part.model_fields})
    return {"$schema": DIALECT, "$id": schema_of(kind), "title": kind.type_name(), **schema}


def envelope_schema() -> Schema:
    """The schema of a whole record, whatever message is in it."""
    schema = _untitled(Envelope.model_json_schema())
    schema["description"] = "A record: CloudEvents 1.0, JSON structured mode. Further attributes are ignored."
    _describe(schema, ENVELOPE)
    return {"$schema": DIALECT, "$id": "urn:ownstack:envelope:1", "title": "Envelope", **schema}


def _describe(schema: Schema, meanings: Mapping[str, str]) -> None:
    for name, field in schema.get("properties", {}).items():
        field["description"] = meanings[name]


def _untitled(value: Any) -> Any:
    """Without the titles that pydantic makes of names: they say nothing that the names do not say."""
    if isinstance(value, dict):
        return {k: _untitled(v) for k, v in value.items() if not (k == "title" and isinstance(v, str))}
    return [_untitled(v) for v in value] if isinstance(value, list) else value


def described(kind: type[BaseModel]) -> str:
    """The first paragraph of what a class says of itself, on one line."""
    return " ".join((kind.__doc__ or "").strip().split("\n\n")[0].split())
