"""Golden records: one of each type and version per topic, kept for ever: what was once written stays readable."""

from __future__ import annotations

from collections.abc import Iterator

from ownstack_contracts.catalog import DEPLOY_TYPES, TYPES_BY_TOPIC
from ownstack_contracts.envelope import encode
from ownstack_contracts.examples import EXAMPLES
from ownstack_contracts.history import GENESIS, Origin, Position, seal
from ownstack_contracts.message import Message
from ownstack_contracts.topics import COMMANDS, DEPLOYS, HISTORY, TOPICS

_NOON = 1_767_268_800_123
_ORIGIN = Origin(
    position=Position(COMMANDS.name, 3, 17),
    now=_NOON,
    actor="token:laptop",
    correlationid="9d0c2f6e-promote",
    causationid="9d0c2f6e-promote",
    traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
)


def golden_file(topic: str, example: str) -> str:
    """The name of a golden record below `golden/`: its topic's, then `<Type>.<version>.json`."""
    return f"{topic.removeprefix('ownstack.')}/{example}.json"


def golden_records() -> Iterator[tuple[str, bytes]]:
    """The name and the content of a golden record for each example and each topic that it travels on.

    The facts on `deploys` are those of the history, byte for byte, and have no records of their own.
    """
    for topic, types in TYPES_BY_TOPIC.items():
        for example, message in EXAMPLES.items():
            if topic != DEPLOYS.name and types.get(message.type_name()) is type(message):
                yield golden_file(topic, example), _record(topic, message) + b"\n"


def topics_of(file: str) -> tuple[str, ...]:
    """The topics that a golden record must be readable on."""
    folder, _, name = file.partition("/")
    topic = TOPICS[f"ownstack.{folder}"].name
    also_work = topic == HISTORY.name and name.partition(".")[0] in DEPLOY_TYPES
    return (topic, DEPLOYS.name) if also_work else (topic,)


def _record(topic: str, message: Message) -> bytes:
    if topic == HISTORY.name:
        value, _ = seal(message, _ORIGIN, team="acme", sequence=1, previous_hash=GENESIS, step=0, steps=1)
        return value
    return encode(
        message,
        source="/ownstack/example",
        team=None if message.type_name() == "ClockTicked" else "acme",
        id="9d0c2f6e-promote",
        actor="token:laptop",
        time=_NOON,
        correlationid="9d0c2f6e-promote",
    )
