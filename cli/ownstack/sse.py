"""Reads server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html), line by line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ServerSent:
    """One event. `id` None: it has none of its own. `data` empty: it only says where the stream stands (its `id`)."""

    event: str
    data: str
    id: str | None = None


def events(lines: Iterable[str]) -> Iterator[ServerSent]:
    """The events in a stream of lines without their ends. Comments and unknown fields are passed over.

    An event that the stream breaks off in is not given: it comes again after the reconnect.
    """
    kind, data, identity = "message", list[str](), None
    for line in lines:
        if line == "":
            if data or identity is not None:
                yield ServerSent(kind, "\n".join(data), identity)
            kind, data, identity = "message", [], None
            continue
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            data.append(value)
        elif name == "event":
            kind = value
        elif name == "id" and "\0" not in value:
            identity = value
