"""Which partition a key lies on: murmur2, as Java's Kafka client and aiokafka do it."""

from __future__ import annotations

from functools import lru_cache

_SEED = 0x9747B28C
_M = 0x5BD1E995
_MASK = 0xFFFFFFFF


def murmur2(data: bytes) -> int:
    """The 32 bits (unsigned) that `org.apache.kafka.common.utils.Utils.murmur2` gives for `data`."""
    length = len(data)
    h = (_SEED ^ length) & _MASK
    whole = length & ~3
    for i in range(0, whole, 4):
        k = (int.from_bytes(data[i : i + 4], "little") * _M) & _MASK
        k = ((k ^ (k >> 24)) * _M) & _MASK
        h = ((h * _M) & _MASK) ^ k
    if length & 3:
        h = ((h ^ int.from_bytes(data[whole:], "little")) * _M) & _MASK
    h = ((h ^ (h >> 13)) * _M) & _MASK
    return h ^ (h >> 15)


@lru_cache(maxsize=65_536)
def partition_of(key: str, partitions: int) -> int:
    """The partition, from 0, of `key` in a topic of `partitions` partitions.

    Raises UnicodeEncodeError if `key` can't be written in UTF-8.
    """
    return (murmur2(key.encode()) & 0x7FFFFFFF) % partitions
