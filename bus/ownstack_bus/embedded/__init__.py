"""The bus in one SQLite file: no server, one process."""

from ownstack_bus.embedded.bus import EmbeddedBus

__all__ = ["EmbeddedBus"]
