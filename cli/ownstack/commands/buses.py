"""`ownstack bus`: the bus itself, for whoever runs the installation. It asks no server."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from ownstack import looping
from ownstack.exits import Exit, Failure
from ownstack.missing import module_missing
from ownstack.sending import must
from ownstack.session import Session, command
from ownstack_contracts.topics import DEFAULT_PARTITIONS

if TYPE_CHECKING:
    from ownstack_bus.kafka.topics import Setup

_KAFKA = "kafka://"
_ONE_COPY = "1 copy: one lost disk loses the history. On three brokers or more, make the topics with --replication 3."
_EXITS = {"bus-replication": Exit.FAILED}
"""Of errors that are not about reaching the cluster."""

Url = Annotated[str | None, typer.Option("--bus", metavar="URL", help="The bus; else $OWNSTACK_BUS.")]
Partitions = Annotated[int, typer.Option("--partitions", min=1, help="Of each topic, for life.")]
Replication = Annotated[
    int | None, typer.Option("--replication", min=1, help="Copies of each record; else 3 on three brokers or more.")
]


def group() -> typer.Typer:
    """The commands of this group."""
    made = typer.Typer(help="The bus, for whoever runs the installation.", no_args_is_help=True)
    command(made, "setup")(setup)
    return made


def setup(
    session: Session, bus: Url = None, partitions: Partitions = DEFAULT_PARTITIONS, replication: Replication = None
) -> None:
    """Make the topics that are missing; of those that are there, say what differs. Changes nothing that is there."""
    url = bus or os.environ.get("OWNSTACK_BUS") or ""
    must(bool(url), "It is not said which bus.", "ownstack bus setup --bus kafka://host:9092, or OWNSTACK_BUS")
    if url.startswith("sqlite:"):
        session.output.say("An embedded bus needs no setup: `ownstack up` makes its file.")
        session.output.document({"created": [], "differences": [], "replication": 1})
        return
    must(url.startswith(_KAFKA), f"{url!r} names no bus.", "kafka://host:9092,host2:9092")
    _report(session, _set_up(url.removeprefix(_KAFKA).rstrip("/"), partitions, replication))


def _set_up(servers: str, partitions: int, replication: int | None) -> Setup:
    try:
        from ownstack.serve.process import checked  # noqa: PLC0415 - as below
        from ownstack_bus.kafka.clients import Clients  # noqa: PLC0415 - only who speaks to Kafka has the extra
        from ownstack_bus.kafka.settings import KafkaSettings  # noqa: PLC0415 - as above
        from ownstack_bus.kafka.topics import set_up  # noqa: PLC0415 - as above
        from ownstack_bus.port import BusError  # noqa: PLC0415 - as above
    except ModuleNotFoundError as error:
        raise module_missing(error, "kafka") from None

    with checked():
        settings = KafkaSettings()
    try:
        return looping.run(set_up(Clients(servers, settings), partitions, replication))
    except BusError as error:
        raise Failure(error.code, str(error), exit_code=_EXITS.get(error.code, Exit.UNAVAILABLE)) from None


def _report(session: Session, found: Setup) -> None:
    if found.differences:
        for difference in found.differences:
            session.output.say(str(difference))
        hint = "Change it with Kafka's own tools (kafka-configs.sh, kafka-topics.sh), or choose another prefix."
        raise Failure(
            "bus-topics-differ",
            f"{len(found.differences)} settings of topics are not as they must be; nothing was changed.",
            hint=hint,
            about={"differences": [vars_of(difference) for difference in found.differences]},
        )
    for topic in found.missing:
        session.output.say(f"{topic} is made, {_sizes(found)}")
    if not found.missing:
        session.output.say(f"All topics are there, and as they must be: {_sizes(found)}.")
    if found.replication == 1:
        session.output.say(_ONE_COPY)
    session.output.document({"created": list(found.missing), "differences": [], "replication": found.replication})


def _sizes(found: Setup) -> str:
    return f"{_counted(found.partitions, 'partition', 'partitions')}, {_counted(found.replication, 'copy', 'copies')}"


def _counted(number: int, one: str, more: str) -> str:
    return f"{number} {one if number == 1 else more}"


def vars_of(difference: object) -> dict[str, str]:
    """A difference as a document."""
    return {name: getattr(difference, name) for name in ("topic", "setting", "found", "wanted")}
