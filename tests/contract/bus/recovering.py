"""What every bus promises of a processor that is built anew: after a start, and after it failed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence

import pytest
from tests.contract.bus.parts import C, Echo, H, R, always, copy_of, everything, running, until, values

from ownstack_bus.port import Bus, BusError, Outgoing, Record, Restored


class Poisoned(Exception):
    """What a processor raises."""


def inputs(*contents: str, topic: str = C) -> list[Outgoing]:
    return [Outgoing(topic, "acme", content.encode(), partition=1) for content in contents]


class RecoverContract:
    """process, begun anew"""

    async def test_a_processor_is_given_the_whole_history_of_its_partition(self, bus: Bus) -> None:
        history = [Outgoing(H, f"team-{i % 7}", str(i).encode(), partition=i % 2) for i in range(3_000)]
        await bus.publish(history)
        made: list[Echo] = []
        async with running(bus.process("promoter", [C], H, always(Echo, 1, made))):
            await bus.publish(inputs("go"))
            await until(bus, H, 1, 1, start=1_500)
        assert values(made[0].restored) == values(history[1::2])

    async def test_what_restoring_found_missing_is_written_before_any_input_is_handled(self, bus: Bus) -> None:
        class Mender(Echo):
            async def restore(self, tail: AsyncIterator[Record]) -> Restored:
                left_out = [Outgoing(H, "acme", b"mended", partition=1)] if self.partition == 1 else []
                return Restored(outgoing=left_out)

        await bus.publish(inputs("next"))
        async with running(bus.process("promoter", [C], H, Mender)):
            assert values(await until(bus, H, 1, 2)) == ["mended", "next"]

    async def test_the_history_may_know_of_later_positions_than_the_last_commit(self, bus: Bus) -> None:
        class Knowing(Echo):
            async def restore(self, tail: AsyncIterator[Record]) -> Restored:
                return Restored(positions={C: 2})

        await bus.publish(inputs("0", "1", "2", "3") + inputs("other topic", topic=R))
        async with running(bus.process("promoter", [C, R], H, Knowing)):
            assert sorted(values(await until(bus, H, 1, 3))) == ["2", "3", "other topic"]

    async def test_the_last_commit_may_know_of_later_positions_than_the_history(self, bus: Bus) -> None:
        class Forgetful(Echo):
            async def restore(self, tail: AsyncIterator[Record]) -> Restored:
                return Restored(positions={C: 1})

        await bus.publish(inputs("0", "1", "2"))
        async with running(bus.process("promoter", [C], H, Echo)):
            await until(bus, H, 1, 3)
        async with running(bus.process("promoter", [C], H, Forgetful)):
            await bus.publish(inputs("3"))
            await until(bus, H, 1, 4)
        assert values(await everything(bus, H)) == ["0", "1", "2", "3"]

    async def test_a_batch_that_fails_is_tried_again_one_by_one_by_a_new_processor(self, bus: Bus) -> None:
        made: list[Careful] = []
        await bus.publish(inputs(*[str(i) for i in range(10)], "poison", "10", "11"))
        async with running(bus.process("promoter", [C], H, careful(made))):
            assert values(await until(bus, H, 1, 13)) == [*[str(i) for i in range(10)], "rejected", "10", "11"]
        assert len(made) >= 2
        sizes = [len(batch) for one in made[1:] for batch in one.batches]
        assert sizes == [1] * len(sizes)
        assert values(await everything(bus, H)).count("rejected") == 1

    async def test_a_new_processor_is_restored_from_all_that_was_committed(self, bus: Bus) -> None:
        made: list[Careful] = []
        async with running(bus.process("promoter", [C], H, careful(made))):
            await bus.publish(inputs("0", "1"))
            await until(bus, H, 1, 2)
            await bus.publish(inputs("poison"))
            await until(bus, H, 1, 3)
        assert values(made[-1].restored) == ["0", "1"]

    async def test_after_a_failure_inputs_come_in_batches_again(self, bus: Bus) -> None:
        made: list[Careful] = []
        async with running(bus.process("promoter", [C], H, careful(made))):
            await bus.publish(inputs("poison"))
            await until(bus, H, 1, 1)
            await bus.publish(inputs(*[str(i) for i in range(50)]))
            await until(bus, H, 1, 51)
        assert max(len(batch) for batch in made[-1].batches) > 1

    async def test_an_input_that_fails_again_and_again_stops_the_processing_and_is_named(self, bus: Bus) -> None:
        class Helpless(Echo):
            def handle(self, batch: Sequence[Record]) -> Sequence[Sequence[Outgoing]]:
                if any(record.value == b"poison" for record in batch):
                    raise Poisoned
                return super().handle(batch)

        await bus.publish(inputs("0", "poison", "1"))
        with pytest.raises(BusError) as failed:
            await bus.process("promoter", [C], H, Helpless)
        assert failed.value.code == "processor-failed"
        assert f"{C}/1/1" in str(failed.value)
        assert values(await everything(bus, H)) == ["0"]

    async def test_a_processor_that_fails_on_waking_is_built_anew(self, bus: Bus) -> None:
        made: list[Echo] = []

        class Startled(Echo):
            def wake_at(self) -> int | None:
                return 0 if self.partition == 1 and len(made) == 1 else None

            def wake(self, now: int) -> Sequence[Outgoing]:
                raise Poisoned

        async with running(bus.process("promoter", [C], H, always(Startled, 1, made))):
            await bus.publish(inputs("0"))
            await until(bus, H, 1, 1)
        assert len(made) == 2

    async def test_a_history_that_can_not_be_restored_stops_the_processing(self, bus: Bus) -> None:
        class Strict(Echo):
            async def restore(self, tail: AsyncIterator[Record]) -> Restored:
                raise Poisoned

        with pytest.raises(BusError) as failed:
            await bus.process("promoter", [C], H, Strict)
        assert failed.value.code == "processor-failed"

    async def test_answers_that_do_not_match_the_inputs_are_a_failure(self, bus: Bus) -> None:
        class Lost(Echo):
            def handle(self, batch: Sequence[Record]) -> Sequence[Sequence[Outgoing]]:
                return [[copy_of(batch[0])], ()]

        await bus.publish(inputs("0"))
        with pytest.raises(BusError) as failed:
            await bus.process("promoter", [C], H, Lost)
        assert failed.value.code == "processor-failed"
        assert await bus.end(H, 1) == 0


class Careful(Echo):
    """Fails over a poisoned input until it meets it alone and in a second life; then it answers it."""

    def __init__(self, partition: int, second_life: bool) -> None:
        super().__init__(partition)
        self.second_life = second_life
        self.batches: list[Sequence[Record]] = []

    def handle(self, batch: Sequence[Record]) -> Sequence[Sequence[Outgoing]]:
        self.batches.append(batch)
        if any(record.value == b"poison" for record in batch) and not (self.second_life and len(batch) == 1):
            raise Poisoned
        return [[Outgoing(H, r.key, b"rejected", r.partition)] if r.value == b"poison" else [copy_of(r)] for r in batch]


def careful(made: list[Careful]) -> Callable[[int], Careful]:
    return always(lambda partition: Careful(partition, second_life=bool(made)), 1, made)
