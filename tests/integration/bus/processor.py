"""A member of a `process` group as a process of its own, for tests that kill or stop one.

Usage: python processor.py SERVERS PREFIX SESSION_S [VALUE]

It says `has P P …` when its partitions are restored, and `restarted P`. In a transaction whose inputs hold VALUE, it
stops itself (SIGSTOP) after its records were written, just before it would commit; once.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Collection, Sequence
from pathlib import Path

from aiokafka import AIOKafkaProducer

sys.path.insert(0, str(Path(__file__).parents[3]))

from tests.contract.bus.parts import C, H, R
from tests.integration.bus.numbering import Numbering

from ownstack_bus.kafka import KafkaBus, KafkaSettings
from ownstack_bus.port import Outgoing, Record


class Saying:
    """A meter that says what it is told."""

    def batch(self, consumer: str, records: int) -> None:
        """Not said."""

    def lag(self, consumer: str, topic: str, partition: int, records: int) -> None:
        """Not said."""

    def assigned(self, consumer: str, partitions: Collection[int], beginning: int = 0) -> None:
        print("has", *partitions, flush=True)

    def restarted(self, consumer: str, partition: int) -> None:
        print("restarted", partition, flush=True)


class Stopping(Numbering):
    """Stops the process, once, in the middle of a transaction."""

    value = b""
    met = False

    def handle(self, batch: Sequence[Record]) -> Sequence[Sequence[Outgoing]]:
        if Stopping.value in [record.value for record in batch]:
            Stopping.met = True
        return super().handle(batch)


async def stop_then_commit(producer: AIOKafkaProducer) -> None:
    if Stopping.met:
        Stopping.met, Stopping.value = False, b""
        os.kill(os.getpid(), signal.SIGSTOP)
    await commit(producer)


commit: Callable[[AIOKafkaProducer], Awaitable[None]] = AIOKafkaProducer.commit_transaction
setattr(AIOKafkaProducer, "commit_transaction", stop_then_commit)  # noqa: B010 - mypy forbids it otherwise


async def main(servers: str, prefix: str, session: str, value: str = "") -> None:
    Stopping.value = value.encode()
    settings = KafkaSettings(prefix=prefix, session_timeout=float(session))
    bus = await KafkaBus.open(servers, settings, Saying())
    await bus.process("promoter", [C, R], H, Stopping if value else Numbering)


asyncio.run(main(*sys.argv[1:]))
