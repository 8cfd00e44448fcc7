"""Names of headers that are no UTF-8 are read as well as may be; all else is read as aiokafka reads it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer.fetcher import READ_COMMITTED
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy
from aiokafka.record.memory_records import MemoryRecords

from ownstack_bus.kafka.polling import Batches, _Placed

PLACE = TopicPartition("t", 3)


class Raw(str):
    """A name that is written as other bytes."""

    __slots__ = ()

    def encode(self, *_: str) -> bytes:
        return b"\xff\xfe"


BAD, GOOD = Raw("bad"), "good"


def batch(first: int, names: Sequence[str], compression: int = 0) -> bytes:
    """As it lies on a broker: from offset `first` on a record per name."""
    builder = _DefaultRecordBatchBuilderPy(2, compression, 0, -1, -1, -1, 100_000)
    for number, name in enumerate(names):
        builder.append(number, 1, b"key", b"%d" % (first + number), [(name, b"said")])
    raw = builder.build()
    raw[:8] = first.to_bytes(8, "big")
    return bytes(raw)


def given(raw: bytes, start: int = 0) -> list[Any]:
    """What a consumer is given of these batches from offset `start` on."""
    return list(_Placed(PLACE, Batches(raw), None, start, None, None, True, READ_COMMITTED))


def test_aiokafka_can_not_read_such_a_name() -> None:
    with pytest.raises((UnicodeDecodeError, CorruptRecordException)):
        list(MemoryRecords(batch(0, [BAD])).next_batch() or ())


@pytest.mark.parametrize("compression", [0, 1])
def test_a_name_that_is_no_utf8_is_read_and_nothing_around_it_is_lost(
    compression: int, caplog: pytest.LogCaptureFixture
) -> None:
    raw = batch(0, [GOOD]) + batch(1, [GOOD, BAD, GOOD], compression) + batch(4, [GOOD])
    found = given(raw)
    assert [(record.offset, record.key, record.value) for record in found] == [(n, b"key", b"%d" % n) for n in range(5)]
    assert [record.headers for record in found] == [
        ((name, b"said"),) for name in ("good", "good", "\ufffd\ufffd", "good", "good")
    ]
    assert [(record.levelno, record.getMessage()) for record in caplog.records] == [
        (logging.ERROR, "t/3: of 1 to 3 some have names of headers that are no UTF-8")
    ]


def test_reading_may_begin_behind_such_a_name() -> None:
    assert [record.offset for record in given(batch(0, [BAD, GOOD, BAD, GOOD]), start=3)] == [3]


def test_good_names_are_read_as_aiokafka_reads_them(caplog: pytest.LogCaptureFixture) -> None:
    assert [record.headers for record in given(batch(0, ["n\u00e4me", ""]))] == [
        (("n\u00e4me", b"said"),),
        (("", b"said"),),
    ]
    assert not caplog.records


def test_a_batch_that_is_broken_is_an_error_as_before() -> None:
    raw = bytearray(batch(0, [GOOD]))
    raw[-2] ^= 1
    with pytest.raises(CorruptRecordException):
        given(bytes(raw))


@pytest.mark.parametrize("raw", [None, b"", batch(0, [GOOD])[:-1]])
def test_what_holds_no_whole_batch_has_none(raw: bytes | None) -> None:
    assert not Batches(raw).has_next()
    assert Batches(raw).size_in_bytes() == len(raw or b"")
