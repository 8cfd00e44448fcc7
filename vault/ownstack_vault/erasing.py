"""Destroys the data key of each app that is gone, and the secret of its webhook: a sink of the history, with offsets of
its own beside the keys."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeVar

import orjson
from sqlalchemy import Connection, select, update

from ownstack_contracts.apps import AppDestroyed
from ownstack_contracts.config import ConfigErased
from ownstack_contracts.envelope import Unreadable, decode
from ownstack_contracts.history import hash_of
from ownstack_contracts.topics import HISTORY
from ownstack_vault import keys
from ownstack_vault.keys import KeyName
from ownstack_vault.store import Store, insert_into
from ownstack_vault.tables import POSITIONS

log = logging.getLogger(__name__)

T = TypeVar("T")

_SAY_SO = (ConfigErased, AppDestroyed)
_MARKS = tuple(kind.type_name().encode() for kind in _SAY_SO)


class Record(Protocol):
    """What is looked at of a record of the history (`ownstack_bus.port.Record`). timestamp: ms since the epoch."""

    @property
    def offset(self) -> int: ...

    @property
    def timestamp(self) -> int: ...

    @property
    def value(self) -> bytes: ...


class ErasingStopped(Exception):
    """It can't go on. `code` is stable: `outrun` (another process has done the same: go on from what is stored), or
    what is wrong with the record before which it has stopped."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Erasing:
    """A Sink (`ownstack_bus.port`). Keys and offset change in one transaction; nothing is skipped; and nothing that
    reads the history again for another purpose comes here. Several processes may share the partitions."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._next: dict[int, int] = {}
        self._unsettled = False

    async def positions(self) -> Mapping[int, int]:
        """Per partition the offset of the next record wanted."""
        self._next = await _finished(self._load)
        return dict(self._next)

    async def apply(self, partition: int, records: Sequence[Record]) -> None:
        """Destroy the keys of which these records say so. Raises ErasingStopped; nothing has changed then."""
        if records:
            await _finished(lambda: self._apply(partition, records))

    def _load(self) -> dict[int, int]:
        chosen = select(POSITIONS.c.partition, POSITIONS.c.next).where(POSITIONS.c.topic == HISTORY.name)
        with self._store.reading() as connection:
            return {row.partition: row.next for row in connection.execute(chosen)}

    def _apply(self, partition: int, records: Sequence[Record]) -> None:
        gone = [erased for record in records if (erased := _erased(partition, record)) is not None]
        following = records[-1].offset + 1
        with self._store.writing() as connection:
            self._advance(connection, partition, following)
            destroyed = [name for name, at in gone if _destroy(connection, name, at)]
        self._next[partition] = following
        for name in destroyed:
            log.info("%s of %s of team %s is destroyed", _CALLED[name.kind], name.name, name.team)
        self._unsettled = self._unsettled or bool(destroyed)
        if self._unsettled:
            self._unsettled = not self._store.settle()

    def _advance(self, connection: Connection, partition: int, following: int) -> None:
        place = {"topic": HISTORY.name, "partition": partition}
        expected = self._next.get(partition)
        if expected is None:
            insert = insert_into(connection, POSITIONS).values({**place, "next": following})
            moved = len(connection.execute(insert.on_conflict_do_nothing().returning(POSITIONS.c.next)).all())
        else:
            stored = POSITIONS.c
            mine = (stored.topic == HISTORY.name) & (stored.partition == partition) & (stored.next == expected)
            moved = connection.execute(update(POSITIONS).where(mine).values(next=following)).rowcount
        if moved != 1:
            message = f"Partition {partition} of {HISTORY.name} is looked through by another process as well."
            raise ErasingStopped("outrun", message)


_CALLED = {"data": "the key of the config", "hook": "the secret of the webhook"}


def _destroy(connection: Connection, name: KeyName, at: int) -> bool:
    """Whether there is anything to be told. An app of the same name may have a webhook again; the creation of an app is
    never made again."""
    if name.kind == "hook":
        return keys.remove(connection, name) > 0
    keys.destroy(connection, name, at)
    return True


def _erased(partition: int, record: Record) -> tuple[KeyName, int] | None:
    """The key that a record says is to be destroyed, and when that was said. All other facts are passed over, also
    those of a newer release. Raises ErasingStopped for a record that may say so and can't be trusted."""
    if not any(mark in record.value for mark in _MARKS):
        return None
    where = f"{HISTORY.name}/{partition}/{record.offset}"
    try:
        envelope, fact = decode(HISTORY.name, record.value)
    except Unreadable as error:
        if error.type not in (None, *(kind.type_name() for kind in _SAY_SO)):
            return None
        raise _stopped(error.code, f"{where}: {error.reason}") from None
    if not isinstance(fact, _SAY_SO):
        return None
    if envelope.team is None or hash_of(orjson.loads(record.value)) != envelope.hash:
        raise _stopped("history-damaged", f"{where}: its hash is not the hash of its content.")
    if isinstance(fact, AppDestroyed):
        return KeyName("hook", envelope.team, fact.app), record.timestamp
    return KeyName("data", envelope.team, fact.app_id), record.timestamp


def _stopped(code: str, message: str) -> ErasingStopped:
    return ErasingStopped(code, f"{message} Keys of apps that are gone are destroyed up to there, and no further.")


async def _finished(work: Callable[[], T]) -> T:
    """What `work` returns, in a thread. Cancelled, it waits for its end: the database may be closed afterwards."""
    working = asyncio.ensure_future(asyncio.to_thread(work))
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        await asyncio.gather(working, return_exceptions=True)
        raise
