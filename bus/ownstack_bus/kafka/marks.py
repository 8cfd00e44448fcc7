"""What an offset commit says in its metadata: which records above the committed offset are done already.

One character for the form, then bytes in base 85. Which records may be taken in so that this can always be said is
decided here too (`fits`): whatever is acknowledged of them later, in whatever order, the forms only get shorter.
"""

from __future__ import annotations

import base64
import logging
import zlib
from collections.abc import Iterable, Iterator

from ownstack_bus.progress import Progress

logger = logging.getLogger(__name__)

MAX_CHARACTERS = 4_096
"""What a broker takes (`offset.metadata.max.bytes`)."""

MAX_BYTES = (MAX_CHARACTERS - 1) // 5 * 4
MAX_SPAN = 1 << 20
"""Offsets from the position on of which any may be taken: they are counted out with every commit."""

_BITS, _PACKED_BITS, _LEFT = "b", "z", "l"
_WORTH_PACKING = 32


def encode(progress: Progress) -> str:
    """What is done above the position: a bit for each offset, or the list of what is left; empty when nothing is."""
    bits = progress.encoded()
    if len(bits) > MAX_BYTES:
        return _LEFT + _text(_list(*progress.left()))
    if len(bits) > _WORTH_PACKING and len(packed := zlib.compress(bits, 1)) < len(bits):
        return _PACKED_BITS + _text(packed)
    return _BITS + _text(bits) if bits else ""


def decode(position: int, metadata: str) -> Progress:
    """What `encode` said at this position. What can't be read (another program's) counts as nothing."""
    form, text = metadata[:1], metadata[1:]
    try:
        if form == _BITS:
            return Progress(position, base64.b85decode(text))
        if form == _PACKED_BITS:
            return Progress(position, zlib.decompress(base64.b85decode(text)))
        if form == _LEFT:
            *left, length = _sums(_numbers(base64.b85decode(text)))
            return Progress.of_left(position, length, left)
    except (ValueError, IndexError, zlib.error):
        form = "?"
    if form:
        logger.warning(
            "A commit at offset %d has metadata of another program: what is done above comes again", position
        )
    return Progress(position, b"")


def fits(span: int, left: int) -> bool:
    """Whether it can be said what is done of `span` offsets from the position on, `left` of them being records that are
    not done yet; now, and whatever of them is done later."""
    if span // 8 + 1 <= MAX_BYTES:
        return True
    if span > MAX_SPAN:
        return False
    # Numbers that add up to no more than `span`: only so many of them can need a second byte, a third, and so on.
    numbers = left + 1
    return sum(min(numbers, span >> shift) for shift in (0, 7, 14, 21)) <= MAX_BYTES


def _text(payload: bytes) -> str:
    return base64.b85encode(payload).decode()


def _list(length: int, left: Iterable[int]) -> bytes:
    made = bytearray()
    before = 0
    for at in (*left, length):
        number = at - before
        before = at
        while number >= 0x80:
            made.append(number & 0x7F | 0x80)
            number >>= 7
        made.append(number)
    return bytes(made)


def _numbers(payload: bytes) -> Iterator[int]:
    number = shift = 0
    for byte in payload:
        number |= (byte & 0x7F) << shift
        if byte & 0x80:
            shift += 7
        else:
            yield number
            number = shift = 0


def _sums(numbers: Iterable[int]) -> Iterator[int]:
    total = 0
    for number in numbers:
        total += number
        yield total
