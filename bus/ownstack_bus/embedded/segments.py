"""How records lie in the file: a segment is what one commit appended to one partition, with a checksum."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ownstack_bus.port import Outgoing, Record

OFFSET_BITS = 40
"""The id of a segment is its log's id, shifted by this, plus the offset of its last record."""

MAX_RECORDS = 512
MAX_BYTES = 512 * 1024

_COUNT = struct.Struct("<I")
_HEADER = struct.Struct("<HI")
_PLACE = struct.Struct("<qqq")

Row = tuple[int, int, int, int, bytes]
"""id, offset of the first record, timestamp (ms), checksum, body: a row of `bus_segments`."""


class Damaged(ValueError):
    """A segment is not what was written."""


@dataclass(frozen=True, slots=True)
class Place:
    """The log that a segment belongs to."""

    log: int
    topic: str
    partition: int


def cut(records: Sequence[Record]) -> Iterator[Sequence[Record]]:
    """Runs of records that are small enough to be one segment each."""
    begin = size = 0
    for i, record in enumerate(records):
        size += len(record.value)
        if i > begin and (i - begin >= MAX_RECORDS or size > MAX_BYTES):
            yield records[begin:i]
            begin, size = i, len(record.value)
    yield records[begin:]


def encode(log: int, records: Sequence[Record]) -> Row:
    """The row for `records`, which follow each other in the log and have one timestamp."""
    lengths: list[int] = []
    parts: list[bytes] = []
    for record in records:
        key = record.key.encode()
        headers = _encode_headers(record.headers) if record.headers else b""
        lengths += (len(key), len(headers), len(record.value))
        parts += (key, headers, record.value)
    first = records[0]
    body = struct.pack(f"<{len(lengths) + 1}I", len(records), *lengths) + b"".join(parts)
    segment = log << OFFSET_BITS | records[-1].offset
    return (segment, first.offset, first.timestamp, _checksum(segment, first.offset, first.timestamp, body), body)


def decode(place: Place, row: Row) -> list[Record]:
    """The records of a row.

    Raises Damaged if the row is not what was written.
    """
    segment, first, timestamp, checksum, body = row
    if _checksum(segment, first, timestamp, body) != checksum:
        raise Damaged(f"checksum of {place.topic}/{place.partition} at offset {first}")
    (count,) = _COUNT.unpack_from(body)
    lengths = struct.unpack_from(f"<{count * 3}I", body, _COUNT.size)
    at = _COUNT.size + 12 * count
    records = []
    for i in range(count):
        key, headers, value = lengths[3 * i : 3 * i + 3]
        middle = at + key
        records.append(
            Record(
                place.topic,
                place.partition,
                first + i,
                timestamp,
                body[at:middle].decode(),
                body[middle + headers : middle + headers + value],
                _decode_headers(body[middle : middle + headers]) if headers else (),
            )
        )
        at = middle + headers + value
    return records


def placed(place: Place, first: int, timestamp: int, outgoing: Sequence[Outgoing]) -> list[Record]:
    """`outgoing` as records, from offset `first` on."""
    topic, partition = place.topic, place.partition
    return [
        Record(topic, partition, offset, timestamp, record.key, record.value, record.headers)
        for offset, record in enumerate(outgoing, first)
    ]


def _checksum(segment: int, first: int, timestamp: int, body: bytes) -> int:
    return zlib.crc32(body, zlib.crc32(_PLACE.pack(segment, first, timestamp)))


def _encode_headers(headers: Sequence[tuple[str, bytes]]) -> bytes:
    parts = []
    for name, value in headers:
        encoded = name.encode()
        parts += [_HEADER.pack(len(encoded), len(value)), encoded, value]
    return b"".join(parts)


def _decode_headers(encoded: bytes) -> tuple[tuple[str, bytes], ...]:
    headers = []
    at = 0
    while at < len(encoded):
        name, value = _HEADER.unpack_from(encoded, at)
        at += _HEADER.size
        headers.append((encoded[at : at + name].decode(), encoded[at + name : at + name + value]))
        at += name + value
    return tuple(headers)
