"""AsyncAPI 3.0: the topics as channels, who writes and reads them as operations, and what travels on them."""

from __future__ import annotations

from typing import Any

from ownstack_contracts.catalog import TYPES_BY_TOPIC
from ownstack_contracts.dead_letters import HEADERS
from ownstack_contracts.documents.schemas import ENVELOPE_FILE, described, message_types, schema_file
from ownstack_contracts.envelope import schema_of
from ownstack_contracts.message import Message
from ownstack_contracts.topics import DEAD_LETTERS, DEFAULT_PARTITIONS, MAX_RECORD_BYTES, TOPICS, Topic

Node = dict[str, Any]

_KAFKA_BINDING = "0.5.0"
_DEAD_LETTER = "DeadLetter"


def document() -> Node:
    """The AsyncAPI document as plain data."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "OwnStack Pipelines",
            "version": "1",
            "description": "What is said on the bus. Commands are proposed facts: publish one on `ownstack.commands`, "
            "and the history answers with a fact of the same type, or with `CommandRejected`. "
            f"A record has at most {MAX_RECORD_BYTES} bytes.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/cloudevents+json",
        "channels": {_short(topic): _channel(topic) for topic in TOPICS.values()},
        "operations": {name: node for topic in TOPICS.values() for name, node in _operations(topic)},
        "components": {
            "messages": {
                **{name: _message(kind) for name, kind in message_types().items()},
                _DEAD_LETTER: _dead_letter(),
            }
        },
    }


def _short(topic: Topic) -> str:
    return topic.name.removeprefix("ownstack.")


def _types(topic: Topic) -> list[str]:
    return [_DEAD_LETTER] if topic is DEAD_LETTERS else sorted(TYPES_BY_TOPIC[topic.name])


def _channel(topic: Topic) -> Node:
    kept = -1 if topic.retention is None else int(topic.retention.total_seconds() * 1_000)
    return {
        "address": topic.name,
        "description": topic.meaning,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in _types(topic)},
        "bindings": {
            "kafka": {
                "topic": topic.name,
                "partitions": DEFAULT_PARTITIONS,
                "topicConfiguration": {"cleanup.policy": ["delete"], "retention.ms": kept},
                "bindingVersion": _KAFKA_BINDING,
            }
        },
        "x-key": topic.key,
        "x-partition": "murmur2(key) mod partitions, as Java does; commands on another partition are forwarded",
    }


def _operations(topic: Topic) -> list[tuple[str, Node]]:
    channel = {"$ref": f"#/channels/{_short(topic)}"}
    found = []
    for action, verb, people in (("send", "writes", topic.written_by), ("receive", "reads", topic.read_by)):
        for person in people.split(", "):
            name = "-".join(person.replace("'s", "s").replace("(", "").replace(")", "").split())
            summary = f"{person} {verb} {topic.name}"
            found.append((f"{name}-{verb}-{_short(topic)}", {"action": action, "channel": channel, "summary": summary}))
    return found


def _message(kind: type[Message]) -> Node:
    return {
        "name": kind.type_name(),
        "summary": described(kind),
        "contentType": "application/cloudevents+json",
        "payload": {
            "allOf": [
                {"$ref": f"./schemas/{ENVELOPE_FILE}"},
                {
                    "type": "object",
                    "properties": {
                        "type": {"const": kind.type_name()},
                        "dataschema": {"const": schema_of(kind)},
                        "data": {"$ref": f"./schemas/{schema_file(kind)}"},
                    },
                },
            ]
        },
    }


def _dead_letter() -> Node:
    return {
        "name": _DEAD_LETTER,
        "summary": DEAD_LETTERS.meaning,
        "contentType": "application/octet-stream",
        "headers": {
            "type": "object",
            "required": list(HEADERS),
            "properties": {name: {"type": "string", "description": meaning} for name, meaning in HEADERS.items()},
        },
        "payload": {"description": "The bytes as they came."},
    }
