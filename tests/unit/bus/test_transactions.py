"""A transaction of an owner: what is committed, and what never is."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaTimeoutError

from ownstack_bus.kafka import transactions
from ownstack_bus.kafka.clients import Clients
from ownstack_bus.kafka.settings import KafkaSettings
from ownstack_bus.kafka.transactions import Transactions
from ownstack_bus.port import Outgoing
from ownstack_contracts.topics import HISTORY

RECORD = Outgoing(HISTORY.name, "acme", b"fact"), 3
OFFSETS = {TopicPartition("commands", 3): 7}
PROCESS = (
    "from ownstack_bus.kafka.processing import process; asyncio.run(process(None, 'promoter', [], '', None, None))"
)


class Producer:
    """Notes what is asked of it. sent: what becomes of each batch. committed: when it answers the commit."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.sent: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.committed = asyncio.Event()

    async def begin_transaction(self) -> None:
        self.asked.append("begin")

    def create_batch(self) -> Any:
        return SimpleNamespace(append=lambda **_: object())

    async def send_batch(self, batch: Any, topic: str, *, partition: int) -> asyncio.Future[Any]:
        self.asked.append(f"send {topic}/{partition}")
        return self.sent

    async def send_offsets_to_transaction(self, offsets: Any, group: str) -> None:
        self.asked.append(f"offsets of {group}")

    async def commit_transaction(self) -> None:
        self.asked.append("commit")
        await self.committed.wait()
        self.asked.append("committed")

    async def abort_transaction(self) -> None:
        self.asked.append("abort")


@pytest.fixture
async def producer() -> Producer:
    return Producer()


@pytest.fixture
async def written(producer: Producer) -> asyncio.Task[None]:
    """A transaction that has begun."""
    clients = SimpleNamespace(settings=KafkaSettings(), topic=str, producer=lambda **_: producer)
    return Transactions(cast("Clients", clients), "ownstack.promoter.commands.3", "promoter").write([RECORD], OFFSETS)


async def until_asked(producer: Producer, what: str) -> None:
    async with asyncio.timeout(5):
        while what not in producer.asked:
            await asyncio.sleep(0)


async def test_it_is_committed_only_once_all_that_was_sent_is_there(
    producer: Producer, written: asyncio.Task[None]
) -> None:
    await until_asked(producer, "offsets of promoter")
    for _ in range(10):
        await asyncio.sleep(0)
    assert "commit" not in producer.asked
    producer.sent.set_result(None)
    producer.committed.set()
    await written
    assert producer.asked == ["begin", "send ownstack.history/3", "offsets of promoter", "commit", "committed"]


async def test_what_could_not_be_sent_is_neither_committed_nor_aborted(
    producer: Producer, written: asyncio.Task[None]
) -> None:
    producer.sent.set_exception(KafkaTimeoutError())
    with pytest.raises(KafkaTimeoutError):
        await written
    assert {"commit", "abort"} & set(producer.asked) == set()


async def test_a_commit_without_an_answer_is_given_up_before_a_request_is_and_not_aborted(
    producer: Producer, monkeypatch: pytest.MonkeyPatch
) -> None:
    deadlines: list[float] = []
    made = asyncio.timeout(None)  # due when it is told to be
    monkeypatch.setattr(transactions, "asyncio", SimpleNamespace(**vars(asyncio)))
    monkeypatch.setattr(transactions.asyncio, "timeout", lambda seconds: deadlines.append(seconds) or made)
    clients = SimpleNamespace(settings=KafkaSettings(), topic=str, producer=lambda **_: producer)
    writing = Transactions(cast("Clients", clients), "name", "promoter").write([RECORD], OFFSETS)
    producer.sent.set_result(None)
    await until_asked(producer, "commit")
    made.reschedule(asyncio.get_running_loop().time())
    with pytest.raises(TimeoutError):
        await writing
    assert deadlines[0] < KafkaSettings().request_timeout
    assert producer.asked[-1] == "commit"
    producer.committed.set()
    await until_asked(producer, "committed")  # it was shielded: half of an exchange with the broker ends a connection


async def test_a_cancelled_one_lets_its_commit_end(producer: Producer, written: asyncio.Task[None]) -> None:
    producer.sent.set_result(None)
    await until_asked(producer, "commit")
    written.cancel()
    with pytest.raises(asyncio.CancelledError):
        await written
    producer.committed.set()
    await until_asked(producer, "committed")
    assert "abort" not in producer.asked


def test_python_without_assertions_is_refused() -> None:
    ended = subprocess.run(
        [sys.executable, "-O", "-c", f"import asyncio; {PROCESS}"], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, "Python runs with -O" in ended.stderr) == (1, True)
