"""A processor's failures: what it raised over which inputs, how careful to be then, and when to give up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from ownstack_bus.port import BusError, Outgoing, Processor, Record

T = TypeVar("T")

MAX_FAILURES = 5
"""So many times in a row one input may fail."""

FIRST_DELAY_S = 0.05


class ProcessorFailed(Exception):
    """The processor raised over `batch`: its state is worth nothing any more."""

    def __init__(self, batch: Sequence[Record]) -> None:
        super().__init__()
        self.batch = batch


def trying(batch: Sequence[Record], call: Callable[[], T]) -> T:
    """What the processor answers.

    Raises ProcessorFailed, caused by what it raised.
    """
    try:
        return call()
    except Exception as error:
        raise ProcessorFailed(batch) from error


def decided(processor: Processor, inputs: Sequence[Record]) -> Sequence[Sequence[Outgoing]]:
    """What the processor makes of each.

    Raises ProcessorFailed.
    """
    return trying(inputs, lambda: _one_each(inputs, processor.handle(inputs)))


def _one_each(batch: Sequence[Record], made: Sequence[Sequence[Outgoing]]) -> Sequence[Sequence[Outgoing]]:
    if len(made) != len(batch):
        raise ValueError(f"{len(batch)} inputs were given, and {len(made)} answers came")
    return made


class Care:
    """Inputs that were handled together when a processor failed: they come one by one until all are handled."""

    def __init__(self) -> None:
        self._until: dict[str, int] = {}

    def about(self, batch: Sequence[Record]) -> None:
        """One of these failed."""
        for record in batch:
            self._until[record.topic] = max(self._until.get(record.topic, 0), record.offset + 1)

    def needed(self, positions: Mapping[str, int]) -> bool:
        """Whether some of them are still to be handled; positions: per topic the offset of the next input."""
        self._until = {topic: until for topic, until in self._until.items() if positions[topic] < until}
        return bool(self._until)


class Attempts:
    """Counts the failures of one partition's processors in a row."""

    def __init__(self, partition: int) -> None:
        self._partition = partition
        self._failures = 0
        self._failed_at: tuple[str, int] | None = None

    def woken(self) -> None:
        """A wake-up went well."""
        if self._failed_at is None:
            self._failures = 0

    async def count(self, failure: ProcessorFailed) -> None:
        """A batch that failed is tried again input by input; waits before an input that failed alone is.

        Raises BusError `processor-failed` when one fails alone, again and again.
        """
        batch = failure.batch
        if len(batch) > 1:
            return
        at = (batch[0].topic, batch[0].offset) if batch else None
        self._failures = self._failures + 1 if at == self._failed_at else 1
        self._failed_at = at
        if self._failures >= MAX_FAILURES:
            what = f"{at[0]}/{self._partition}/{at[1]}" if at else "its wake-up"
            raise BusError(
                "processor-failed",
                f"The processor of partition {self._partition} failed {MAX_FAILURES} times over {what}: "
                f"{failure.__cause__!r}. Nothing is lost; see the trace, mend the cause and start again.",
            ) from failure.__cause__
        await asyncio.sleep(FIRST_DELAY_S * 2 ** (self._failures - 1))


def not_restored(history: str, partition: int, error: Exception) -> BusError:
    """The BusError for a history that can't be folded."""
    return BusError(
        "processor-failed",
        f"Partition {partition} of {history} can't be restored: {error!r}. Nothing is lost; see the trace, mend the "
        "cause and start again.",
    )
