"""The reference of the messages for people: docs/reference/messages.md."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from ownstack_contracts.catalog import COMMAND_TYPES, TYPES_BY_TOPIC
from ownstack_contracts.dead_letters import HEADERS, KEPT_BYTES
from ownstack_contracts.documents.meanings import ENVELOPE, meaning_of
from ownstack_contracts.documents.schemas import (
    PARTS,
    Schema,
    described,
    envelope_schema,
    message_schema,
    message_types,
    schema_file,
)
from ownstack_contracts.examples import EXAMPLES
from ownstack_contracts.message import Message
from ownstack_contracts.topics import TOPICS

_OPENING = """\
# Messages

<!-- Written by `python -m ownstack_contracts.generate`; edit the messages in contracts/ownstack_contracts/ instead. -->

Every record on the bus is one [CloudEvents 1.0](https://cloudevents.io) event in JSON structured mode, at most 256 KiB.
A *command* is a proposed fact: if it holds, the same type appears in the history, followed by its consequences; if not,
`CommandRejected` does. The schemas are in [contracts/schemas](../../contracts/schemas), all of it as AsyncAPI in
[contracts/asyncapi.yaml](../../contracts/asyncapi.yaml).

To publish a command from a shell, give it an id of its own: sent twice with the same id, it is decided once.
"""


def rendered() -> str:
    """The whole page, in Markdown."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield _OPENING
    yield from _topics()
    yield from _envelope()
    for title, kinds in _chapters():
        yield f"## {title}\n"
        for kind in kinds:
            yield from _message(kind)
    yield from _dead_letters()


def _chapters() -> Iterator[tuple[str, list[type[Message]]]]:
    kinds = message_types().values()
    yield "Commands", [k for k in kinds if k.type_name() in COMMAND_TYPES]
    reports, logs = TYPES_BY_TOPIC["ownstack.reports"], TYPES_BY_TOPIC["ownstack.logs"]
    yield "Reports and logs", [k for k in kinds if k.type_name() in {**reports, **logs}]
    deploys = TYPES_BY_TOPIC["ownstack.deploys"]
    yield "Work for deployers", [k for k in kinds if k.type_name() in deploys]
    spoken_of = {**COMMAND_TYPES, **reports, **logs, **deploys}
    yield "Consequences", [k for k in kinds if k.type_name() not in spoken_of]
    yield "Parts of messages", list(PARTS)


def _topics() -> Iterator[str]:
    yield "## Topics\n"
    yield "| topic | what | key | written by | read by | kept |"
    yield "|---|---|---|---|---|---|"
    for topic in TOPICS.values():
        kept = "for ever" if topic.retention is None else f"{topic.retention.days} days"
        yield f"| `{topic.name}` | {topic.meaning} | {topic.key} | {topic.written_by} | {topic.read_by} | {kept} |"
    yield ""


def _envelope() -> Iterator[str]:
    yield "## Envelope\n"
    yield "The attributes around every message. Further ones are allowed, and ignored.\n"
    yield from _table(envelope_schema(), ENVELOPE)


def _message(kind: type[Message]) -> Iterator[str]:
    yield f"### {kind.type_name()}\n"
    yield described(kind) + "\n"
    topics = [f"`{topic}`" for topic, types in TYPES_BY_TOPIC.items() if kind.type_name() in types]
    if topics:
        schema = f"[schema](../../contracts/schemas/{schema_file(kind)})"
        yield f"On {', '.join(topics)}; version {kind.version}; {schema}.\n"
    if kind.model_fields:
        yield from _table(message_schema(kind), {name: meaning_of(kind, name) for name in kind.model_fields})
    else:
        yield "It has no fields.\n"
    if kind.type_name() in COMMAND_TYPES:
        yield from _kcat(kind)


def _table(schema: Schema, meanings: Mapping[str, str]) -> Iterator[str]:
    required = schema.get("required", [])
    yield "| field | type | meaning |"
    yield "|---|---|---|"
    for name, field in schema["properties"].items():
        mark = "" if name in required else _default(field)
        meaning = meanings[name].replace("|", r"\|")
        yield f"| `{name}` | {_type(field)}{mark} | {meaning} |"
    yield ""


def _default(field: Schema) -> str:
    default = field.get("default")
    if default in (None, "", [], {}) or "const" in field:
        return ", optional"
    return f", `{json.dumps(default)}` unless given"


def _type(field: Schema) -> str:
    """A type in a few words; the schema has it exactly."""
    if "anyOf" in field:
        return " or ".join(_type(option) for option in field["anyOf"] if option.get("type") != "null")
    if "$ref" in field:
        name = field["$ref"].rsplit("/", 1)[1]
        return f"[{name}](#{name.lower()})"
    if "const" in field or "enum" in field:
        return " · ".join(f"`{value}`" for value in field.get("enum", [field.get("const")]))
    if field.get("type") == "array":
        return f"list of {_type(field['items'])}"
    return str(field.get("type", "any"))


def _kcat(kind: type[Message]) -> Iterator[str]:
    example = EXAMPLES[f"{kind.type_name()}.{kind.version}"]
    record: dict[str, Any] = {
        "specversion": "1.0",
        "id": "ID",
        "source": "/shell",
        "type": kind.type_name(),
        "team": "acme",
        "data": example.model_dump(mode="json", exclude_none=True),
    }
    text = json.dumps(record, ensure_ascii=False, separators=(",", ":")).replace('"ID"', "\"'$(uuidgen)'\"")
    yield "```sh"
    yield f"echo '{text}' | kcat -P -b localhost:9092 -t ownstack.commands -k acme"
    yield "```\n"


def _dead_letters() -> Iterator[str]:
    yield "## Dead letters\n"
    kept = f"cut to {KEPT_BYTES // 1024} KiB"
    yield f"What could not be read lies on `ownstack.dead-letters` as it came, {kept}. Its headers:\n"
    yield "| header | meaning |"
    yield "|---|---|"
    for name, meaning in HEADERS.items():
        yield f"| `{name}` | {meaning} |"
