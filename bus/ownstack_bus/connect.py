"""Opens the bus that a URL names."""

from __future__ import annotations

from contextlib import AbstractContextManager
from urllib.parse import unquote

from ownstack_bus.embedded import EmbeddedBus
from ownstack_bus.port import Bus, BusError

_SQLITE = "sqlite:///"


async def open_bus(url: str, *, write_lock: AbstractContextManager[object] | None = None) -> Bus:
    """The bus at `url`: `sqlite:///relative/path.db` or `sqlite:////absolute/path.db`.

    write_lock: held during every write of an embedded bus; whoever writes to the same file shares it.
    Raises BusError `bus-unsupported`, `bus-url`, and what EmbeddedBus.open raises.
    """
    if url.startswith("kafka://"):
        raise BusError(
            "bus-unsupported",
            "This installation can't speak to Kafka: that comes with the extra `kafka`, in a later version. Use "
            "OWNSTACK_BUS=sqlite:///ownstack.db.",
        )
    path = unquote(url.removeprefix(_SQLITE))
    if not url.startswith(_SQLITE) or not path:
        raise BusError(
            "bus-url",
            f"{url!r} names no bus. Use sqlite:///relative/path.db or sqlite:////absolute/path.db in OWNSTACK_BUS.",
        )
    return await EmbeddedBus.open(path, write_lock=write_lock)
