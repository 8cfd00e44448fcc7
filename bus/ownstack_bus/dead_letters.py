"""Dead letters as people meet them: listed from the newest back, found by their place, sent again under a new id."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from typing import Any

import orjson

from ownstack_bus.port import At, Bus, Outgoing, Record
from ownstack_contracts.dead_letters import RawRecord, dead_letter
from ownstack_contracts.envelope import canonical
from ownstack_contracts.names import NAME_PATTERN
from ownstack_contracts.topics import COMMANDS, DEAD_LETTERS, DEPLOYS, LOGS, REPORTS

SCANNED = 1_000
"""So many records of each partition are looked at, from its end back; what is older is found by its id alone."""
SCANNED_BYTES = 16 * 1024 * 1024
"""And at most about so many bytes of each partition."""

KEY_BYTES = 1024
"""So much of a key is kept, in UTF-8: whoever wrote it chose it freely, and a letter must fit into a record."""

_WINDOW = 100
_PLACE = re.compile(r"([0-9]{1,9})-([0-9]{1,18})", re.ASCII)
_TEAM = re.compile(NAME_PATTERN)
_ORIGINS = frozenset(topic.name for topic in (COMMANDS, REPORTS, DEPLOYS, LOGS))
"""Where a letter may have come from: history is never dead-lettered."""

Place = tuple[int, int, int]
"""When a letter was written (ms since the epoch), its partition and its offset: by this a list is ordered."""


class NotResendable(Exception):
    """A letter can't be sent again: `code` is stable; the text says why; `hint` what to do instead."""

    def __init__(self, code: str, message: str, hint: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Letter:
    """One dead letter. Times in ms since the epoch.

    id: its place on the bus, `<partition>-<offset>`. team: whose it is, as it says itself, else by its key; None:
    nobody knows. code, reason: why it could not be read. topic, partition, offset, origin_at: where it was read from,
    and when it came there. sha256, length: of the whole; kept: what is left of it. What is not known is "" or -1.
    """

    id: str
    place: Place
    key: str
    team: str | None
    code: str
    reason: str
    topic: str
    partition: int
    offset: int
    origin_at: int
    sha256: str
    length: int
    kept: bytes

    @property
    def cut(self) -> bool:
        """Whether bytes of it are missing: it was too large to be kept whole, or held a secret."""
        return len(self.kept) != self.length

    def summary(self) -> dict[str, Any]:
        """What a list shows of it."""
        origin = {"topic": self.topic, "partition": self.partition, "offset": self.offset, "at": self.origin_at}
        return {
            "id": self.id,
            "at": self.place[0],
            "team": self.team,
            "key": self.key,
            "code": self.code,
            "reason": self.reason,
            "origin": origin,
            "sha256": self.sha256,
            "length": self.length,
            "cut": self.cut,
        }

    def document(self) -> dict[str, Any]:
        """All of it; `text`: what was kept, read as UTF-8, with U+FFFD in place of what is none."""
        return {**self.summary(), "text": self.kept.decode("utf-8", "replace")}


def letter_for(record: Record, code: str, reason: str) -> Outgoing:
    """The letter to be written of a record that can't be taken. Raises nothing, and always fits."""
    key = record.key.encode("utf-8", "replace")[:KEY_BYTES].decode("utf-8", "ignore")
    raw = RawRecord(record.topic, record.partition, record.offset, record.timestamp, key, record.value)
    letter = dead_letter(raw, code, reason)
    return Outgoing(DEAD_LETTERS.name, letter.key, letter.value, headers=letter.headers)


def letter_of(record: Record) -> Letter:
    """The letter that a record of `dead-letters` is. Raises nothing: what its headers don't say is not known."""
    headers = {name: value.decode("utf-8", "replace") for name, value in record.headers}
    return Letter(
        id=f"{record.partition}-{record.offset}",
        place=(record.timestamp, record.partition, record.offset),
        key=record.key,
        team=_team(record),
        code=headers.get("reason-code", "unknown"),
        reason=headers.get("reason", "Whoever wrote this did not say why."),
        topic=headers.get("origin-topic", ""),
        partition=_number(headers, "origin-partition"),
        offset=_number(headers, "origin-offset"),
        origin_at=_number(headers, "origin-timestamp"),
        sha256=headers.get("sha256", ""),
        length=_number(headers, "length"),
        kept=record.value,
    )


def _number(headers: dict[str, str], name: str) -> int:
    """-1: it is not said, and stands for nothing."""
    text = headers.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else -1


def _team(record: Record) -> str | None:
    """What the record itself says goes before its key, which whoever wrote it chose freely."""
    event = _object(record.value) or {}
    said = event.get("team", record.key.partition("/")[0])
    return said if isinstance(said, str) and _TEAM.fullmatch(said) else None


def _object(value: bytes) -> dict[str, Any] | None:
    try:
        found = orjson.loads(value)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None


async def newest(bus: Bus, *, team: str | None = None, before: Place | None = None) -> AsyncGenerator[Letter]:
    """The letters, the newest first: of `team` alone (None: all), and older than `before` (None: from the end).

    Looks at the last SCANNED records of each partition, and no further than SCANNED_BYTES. Raises BusError.
    """
    partitions = range(await bus.partitions(DEAD_LETTERS.name))
    sources = {partition: _backwards(bus, partition, before) for partition in partitions}
    heads: dict[int, Letter] = {}
    await asyncio.gather(*(_advance(heads, partition, source) for partition, source in sources.items()))
    while heads:
        partition = max(heads, key=lambda p: heads[p].place)
        letter = heads[partition]
        if team is None or letter.team == team:
            yield letter
        await _advance(heads, partition, sources[partition])


async def _advance(heads: dict[int, Letter], partition: int, source: AsyncIterator[Letter]) -> None:
    heads.pop(partition, None)
    async for letter in source:
        heads[partition] = letter
        return


async def _backwards(bus: Bus, partition: int, before: Place | None) -> AsyncIterator[Letter]:
    """The letters of one partition from its end back, a window at a time, as the port reads forward only."""
    end, scanned = await bus.end(DEAD_LETTERS.name, partition), 0
    oldest = max(0, end - SCANNED)
    while end > oldest and scanned < SCANNED_BYTES:
        start = max(oldest, end - _WINDOW)
        window = [record async for record in bus.read(DEAD_LETTERS.name, partition, At(offset=start), end)]
        for record in reversed(window):
            scanned += len(record.value)
            letter = letter_of(record)
            if before is None or letter.place < before:
                yield letter
        end = start


async def find(bus: Bus, name: str) -> Letter | None:
    """The letter with this id, however old; None: there is none (any more). Raises BusError."""
    place = _PLACE.fullmatch(name)
    if place is None:
        return None
    partition, offset = int(place[1]), int(place[2])
    if partition >= await bus.partitions(DEAD_LETTERS.name) or offset >= await bus.end(DEAD_LETTERS.name, partition):
        return None
    found = [r async for r in bus.read(DEAD_LETTERS.name, partition, At(offset=offset), offset + 1)]
    return next((letter_of(record) for record in found if record.offset == offset), None)


def resent(letter: Letter, new_id: str) -> Outgoing:
    """The record that sends a letter again: the same event under `new_id`, with its key, to where it came from.

    Its `causationid` is the id that it had. Raises NotResendable: `dead-letter-cut`, `dead-letter-not-an-event`,
    `dead-letter-origin-unknown`.
    """
    event = event_of(letter)
    old = event.get("id")
    if isinstance(old, str):
        event["causationid"] = old
    return Outgoing(letter.topic, letter.key, canonical({**event, "id": new_id}))


def event_of(letter: Letter) -> dict[str, Any]:
    """The event that a letter holds, as far as it is one. Raises NotResendable, as `resent`."""
    if letter.topic not in _ORIGINS:
        message = f"It is not known of {letter.id} where it came from."
        raise NotResendable("dead-letter-origin-unknown", message, "Publish what it was meant to say anew.")
    if letter.cut:
        message = f"Of {letter.id} only {len(letter.kept)} of {letter.length} bytes were kept."
        raise NotResendable("dead-letter-cut", message, "Whoever published it must do so again.")
    event = _object(letter.kept)
    if event is None or not isinstance(event.get("type"), str):
        message = f"{letter.id} is no event in JSON, so it would come back the same."
        raise NotResendable("dead-letter-not-an-event", message, "Publish what it was meant to say anew.")
    return event
