"""An owner of a partition on a bus that is a few lists: what was written stays, what was in memory can be lost."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import cast

from ownstack_bus.port import At, Bus, Outgoing, Record, Restored
from ownstack_contracts.envelope import Event, decode, encode
from ownstack_contracts.message import Command, Message
from ownstack_contracts.topics import COMMANDS, DEAD_LETTERS, DEPLOYS, HISTORY, REPORTS
from ownstack_promoter.leasing import AtStart
from ownstack_promoter.partition import Memory, PartitionOwner, Terms

START = 1_700_000_000_000


class Lists:
    """The topics of one partition. `now`: the append time, ms since the epoch."""

    def __init__(self) -> None:
        self.now = START
        self.topics: dict[str, list[Record]] = {}

    def append(self, out: Outgoing) -> Record:
        """Write a record."""
        topic = self.topics.setdefault(out.topic, [])
        record = Record(out.topic, 0, len(topic), self.now, out.key, out.value, out.headers)
        topic.append(record)
        return record

    async def read(self, topic: str, partition: int, start: At, end: int) -> AsyncIterator[Record]:
        """As the port has it."""
        assert partition == 0
        for record in self.topics.get(topic, [])[start.offset : end]:
            yield record


class Owned:
    """One partition, its lists and its present owner."""

    def __init__(self, at_start: AtStart = "anew", teams: tuple[str, ...] = ("acme", "beta")) -> None:
        self.lists = Lists()
        self.memory = Memory()
        self._teams = teams
        self._at_start: AtStart = at_start
        self.owner = self._new()

    def _new(self) -> PartitionOwner:
        bus = cast("Bus", self.lists)
        terms = Terms(15, self._at_start, lambda: self.lists.now)
        self.tally = terms.tally
        return PartitionOwner(bus, 0, lambda team: team in self._teams, terms, self.memory)

    async def restart(self, *, same_process: bool = False) -> Restored:
        """A new owner restores itself from the history; what it has to say then is written, and taken."""
        if not same_process:
            self.memory = Memory()
        self.owner = self._new()
        restored = await self.owner.restore(self._history())
        said = [self.lists.append(out) for out in restored.outgoing]
        for record in said:
            if record.topic == REPORTS.name:
                self.handle(record)
        return restored

    async def _history(self) -> AsyncIterator[Record]:
        for record in list(self.lists.topics.get(HISTORY.name, [])):
            yield record

    def _write(self, outgoing: Sequence[Outgoing]) -> None:
        for out in outgoing:
            self.lists.append(out)

    def input(self, message: Message, *, team: str | None = "acme", id: str | None = None) -> Record:
        """Put an input on its topic."""
        topic = COMMANDS if isinstance(message, Command) else REPORTS
        value = encode(message, source="/test", team=team, id=id, actor="token:ann")
        return self.raw(topic.name, value, team or "")

    def raw(self, topic: str, value: bytes, key: str = "acme") -> Record:
        """Put bytes on a topic."""
        return self.lists.append(Outgoing(topic, key, value))

    def handle(self, record: Record) -> list[Outgoing]:
        """The owner takes an input; what it makes is written."""
        outgoing = list(self.owner.handle([record])[0])
        self._write(outgoing)
        return outgoing

    def say(self, message: Message, *, team: str | None = "acme", id: str | None = None) -> list[Message]:
        """An input comes. Returns the facts that it made."""
        return facts_of(self.handle(self.input(message, team=team, id=id)))

    def wake(self) -> list[Message]:
        """The owner's clock says that it is now; what the owner says is taken by it. Returns the facts."""
        facts: list[Message] = []
        for out in self.owner.wake(self.lists.now):
            assert out.topic == REPORTS.name
            facts += facts_of(self.handle(self.lists.append(out)))
        return facts

    def history(self) -> list[Event]:
        """All facts."""
        return [decode(HISTORY.name, record.value) for record in self.lists.topics.get(HISTORY.name, [])]

    def deploys(self) -> list[Message]:
        """All that was said to deployers."""
        return [decode(DEPLOYS.name, record.value).message for record in self.lists.topics.get(DEPLOYS.name, [])]

    def dead_letters(self) -> list[Record]:
        """What could not be taken."""
        return self.lists.topics.get(DEAD_LETTERS.name, [])


def facts_of(outgoing: Sequence[Outgoing]) -> list[Message]:
    """The facts among records."""
    return [decode(HISTORY.name, out.value).message for out in outgoing if out.topic == HISTORY.name]
