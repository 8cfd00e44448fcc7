"""Reads server-sent events from the bytes of a stream.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import orjson

from ownstack.answers import Json
from ownstack.exits import Exit, Failure

_END = re.compile(rb"\r\n|\n|\r")
"""What ends a line, and nothing else: `str.splitlines` knows more, which may stand in what others wrote."""


@dataclass(frozen=True, slots=True)
class ServerSent:
    """One event. `id` None: it has none of its own. `data` empty: it only says where the stream stands (its `id`)."""

    event: str
    data: str
    id: str | None = None

    def document(self) -> Json:
        """The JSON object in `data`. Raises Failure `not-ownstack` if it is none."""
        try:
            found = orjson.loads(self.data)
        except orjson.JSONDecodeError:
            found = None
        if not isinstance(found, dict):
            message = f"The stream has an event ({self.event}) that is not as OwnStack sends them."
            hint = "Is the URL right? `ownstack login URL` changes it."
            raise Failure("not-ownstack", message, hint=hint, exit_code=Exit.UNAVAILABLE)
        return found


def events(chunks: Iterable[bytes]) -> Iterator[ServerSent]:
    """The events in a stream that comes in chunks. Comments and unknown fields are passed over.

    An event that the stream breaks off in is not given: it comes again after the reconnect.
    """
    kind, data, identity = "message", list[str](), None
    for line in _lines(chunks):
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


def _lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """The lines without their ends, as soon as they have ended: also by a CR whose LF is still under way."""
    rest, half_ended = b"", False
    for chunk in chunks:
        if not chunk:
            continue
        more = chunk.removeprefix(b"\n") if half_ended else chunk
        half_ended = chunk.endswith(b"\r")
        *whole, rest = _END.split(rest + more)
        for line in whole:
            yield line.decode("utf-8", "replace")
