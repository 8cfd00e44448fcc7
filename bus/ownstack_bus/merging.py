"""The order in which a processor is given the inputs of several topics: by append time, each topic in its own order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from heapq import merge
from operator import attrgetter
from typing import Protocol, TypeVar


class Appended(Protocol):
    """A record, of whatever kind, that knows its append time."""

    @property
    def timestamp(self) -> int: ...


A = TypeVar("A", bound=Appended)


def by_time(slices: Sequence[Sequence[A]], goes_on: Callable[[A], bool]) -> Sequence[A]:
    """The beginnings of several topics as one, those of one time in the order of the topics.

    goes_on: whether there is more behind this record, the last of its slice. That may be older than what the other
    slices hold, so the answer ends there.
    """
    present = [records for records in slices if records]
    if len(present) < 2:
        return present[0] if present else []
    merged = list(merge(*present, key=attrgetter("timestamp")))
    ends = [records[-1] for records in present if goes_on(records[-1])]
    return merged[: min(_index(merged, record) for record in ends) + 1] if ends else merged


def _index(records: Sequence[A], wanted: A) -> int:
    return next(i for i, record in enumerate(records) if record is wanted)
