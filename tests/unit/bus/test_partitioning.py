"""Keys lie where Java's Kafka client and aiokafka put them."""

from __future__ import annotations

from collections import Counter

import pytest

from ownstack_bus.partitioning import murmur2, partition_of

# From the tests of Apache Kafka's own `Utils.murmur2`; Java's integers are signed.
GOLDEN = [
    (b"21", -973932308),
    (b"foobar", -790332482),
    (b"a-little-bit-long-string", -985981536),
    (b"a-little-bit-longer-string", -1486304829),
    (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
    (b"abc", 479470107),
]


@pytest.mark.parametrize(("key", "expected"), GOLDEN)
def test_the_hash_is_that_of_java(key: bytes, expected: int) -> None:
    assert murmur2(key) == expected & 0xFFFFFFFF


@pytest.mark.parametrize(("key", "hashed"), GOLDEN)
def test_the_partition_is_that_of_java(key: bytes, hashed: int) -> None:
    assert partition_of(key.decode(), 12) == (hashed & 0x7FFFFFFF) % 12


def test_keys_are_hashed_as_utf8() -> None:
    assert partition_of("équipe", 1_000_003) == (murmur2("équipe".encode()) & 0x7FFFFFFF) % 1_000_003


def test_keys_spread_over_all_partitions() -> None:
    found = Counter(partition_of(f"acme/shop@stack-{i}", 12) for i in range(12_000))
    assert set(found) == set(range(12))
    assert max(found.values()) < 1_200


def test_a_key_that_is_no_text_is_refused() -> None:
    with pytest.raises(UnicodeEncodeError):
        partition_of("\ud800", 12)
