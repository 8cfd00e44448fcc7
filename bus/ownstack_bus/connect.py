"""Opens the bus that a URL names."""

from __future__ import annotations

from contextlib import AbstractContextManager
from urllib.parse import unquote

from ownstack_bus.embedded import EmbeddedBus
from ownstack_bus.meter import Meter
from ownstack_bus.port import Bus, BusError

_SQLITE = "sqlite:///"
_KAFKA = "kafka://"


async def open_bus(
    url: str, *, write_lock: AbstractContextManager[object] | None = None, meter: Meter | None = None
) -> Bus:
    """The bus at `url`: `sqlite:///relative/path.db`, `sqlite:////absolute/path.db`, or `kafka://host:9092,host2:9092`.

    write_lock: held during every write of an embedded bus; whoever writes to the same file shares it. meter: what the
    bus tells of itself while it runs. How to speak to Kafka, else, is in `KafkaSettings`.
    Raises BusError `bus-unsupported`, `bus-url`, and what EmbeddedBus.open or KafkaBus.open raises.
    """
    if url.startswith(_KAFKA):
        return await _kafka(url.removeprefix(_KAFKA).rstrip("/"), meter)
    path = unquote(url.removeprefix(_SQLITE))
    if not url.startswith(_SQLITE) or not path:
        raise BusError(
            "bus-url",
            f"{url!r} names no bus. Use sqlite:///relative/path.db, sqlite:////absolute/path.db or "
            "kafka://host:9092,host2:9092 in OWNSTACK_BUS.",
        )
    return await EmbeddedBus.open(path, write_lock=write_lock, meter=meter)


async def _kafka(servers: str, meter: Meter | None) -> Bus:
    try:
        from ownstack_bus.kafka import KafkaBus  # noqa: PLC0415 - only who speaks to Kafka has the extra
    except ModuleNotFoundError as missing:
        raise BusError(
            "bus-unsupported",
            f"This installation can't speak to Kafka: {missing.name} is missing. Install ownstack[kafka], or use "
            "OWNSTACK_BUS=sqlite:///ownstack.db.",
        ) from None
    return await KafkaBus.open(servers, meter=meter)
