"""Reads what aiokafka can't: records with names of headers that are no UTF-8, on which its `getmany` fails for ever.

Whoever may write to a topic could stop all its readers with one such record. Names are read here as well as may be,
like keys: nothing is passed over, not even the record itself.
"""

from __future__ import annotations

import logging
import struct
from collections.abc import Iterator
from typing import Any

from aiokafka import TopicPartition
from aiokafka.consumer import fetcher
from aiokafka.consumer.fetcher import PartitionRecords
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords

logger = logging.getLogger(__name__)

_LENGTH = struct.Struct(">8xi")
"""At the start of a batch, after its first offset: how many bytes follow."""


class _Tolerant(bytearray):
    """Bytes whose parts decode to something in any case: U+FFFD stands for what is no text."""

    def __getitem__(self, at: Any) -> Any:
        found = super().__getitem__(at)
        return _Tolerant(found) if isinstance(at, slice) else found

    def decode(self, encoding: str = "utf-8", errors: str = "replace") -> str:
        return super().decode(encoding, errors)


class _Batch:
    """One of aiokafka's batches, and the bytes that it is made of."""

    def __init__(self, batch: Any, raw: memoryview, place: TopicPartition | None) -> None:
        self._batch, self._raw, self._place = batch, raw, place

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __next__(self) -> Any:
        return next(self._batch)

    def __iter__(self) -> Iterator[Any]:
        try:
            return iter(list(self._batch))
        except (UnicodeDecodeError, CorruptRecordException) as error:
            if not isinstance(error.__cause__ or error, UnicodeDecodeError):
                raise
        topic, partition = self._place or ("?", -1)
        offsets = self._batch.base_offset, self._batch.next_offset - 1
        logger.error("%s/%d: of %d to %d some have names of headers that are no UTF-8", topic, partition, *offsets)
        return _tolerantly(self._raw)


class Batches:
    """What aiokafka has fetched of a partition: takes the place of its MemoryRecords."""

    def __init__(self, raw: bytes | None) -> None:
        self.place: TopicPartition | None = None
        self._records: Any = MemoryRecords(raw or b"")
        self._raw = memoryview(raw or b"")
        self._at = 0

    def size_in_bytes(self) -> int:
        """Of all."""
        return int(self._records.size_in_bytes())

    def has_next(self) -> bool:
        """Whether there is another whole batch."""
        return bool(self._records.has_next())

    def next_batch(self) -> _Batch:
        """The next one."""
        start, (length,) = self._at, _LENGTH.unpack_from(self._raw, self._at)
        self._at += _LENGTH.size + length
        return _Batch(self._records.next_batch(), self._raw[start : self._at], self.place)


class _Placed(PartitionRecords):
    """Tells the batches where they lie."""

    def __init__(self, tp: TopicPartition, records: Batches, *others: Any) -> None:
        records.place = tp
        super().__init__(tp, records, *others)  # type: ignore[no-untyped-call]


def _tolerantly(raw: memoryview) -> Iterator[Any]:
    batch: Any = _DefaultRecordBatchPy(raw)
    iter(batch)  # which uncompresses it
    batch._buffer = _Tolerant(batch._buffer)
    return iter(list(batch))


def tolerate_names() -> None:
    """From here on all consumers of this process read any name of a header. aiokafka has no option for it."""
    module: Any = fetcher
    module.MemoryRecords, module.PartitionRecords = Batches, _Placed
