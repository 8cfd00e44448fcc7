"""Runs an actor per key, one at a time for each, as long as there is something in the inbox of its key."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from ownstack_bus.inboxes import Acknowledge, KeyInbox
from ownstack_bus.port import Actor, BusError, Record

logger = logging.getLogger(__name__)

FIRST_DELAY_S = 0.05
LAST_DELAY_S = 30.0


class Actors:
    """The inboxes of one member of a group, and those who work on them."""

    def __init__(self, actor: Actor, acknowledge: Acknowledge) -> None:
        """acknowledge: what `done` of an inbox does."""
        self._actor = actor
        self._acknowledge = acknowledge
        self._inboxes: dict[int, dict[str, KeyInbox]] = {}
        self._leaving: dict[tuple[int, str], KeyInbox] = {}
        """Those whose partition has gone, while their actor finishes what it has begun."""

    def hand_over(self, record: Record) -> None:
        """A record for the actor of its key; it is started if it does not run."""
        inboxes = self._inboxes.setdefault(record.partition, {})
        inbox = inboxes.get(record.key)
        if inbox is None:
            inbox = inboxes[record.key] = KeyInbox(record.partition, record.key, self._acknowledge)
        inbox.put(record)
        self._start(inbox)

    def acknowledged(self, partition: int, key: str, offsets: Sequence[int]) -> None:
        """These records of a key are done, durably: they come to nobody any more."""
        inbox = self._inboxes.get(partition, {}).get(key)
        if inbox:
            inbox.acknowledged(offsets)
            self._settle(inbox)

    def revoke(self, partition: int) -> None:
        """A partition has gone: its inboxes give nothing more; actors under way may finish.

        Should it come back, the next actor of a key waits for the end of this one.
        """
        for inbox in self._inboxes.pop(partition, {}).values():
            inbox.revoke()
            if inbox.task is None:
                continue
            self._leaving[partition, inbox.key] = inbox
            if inbox.resting:
                inbox.task.cancel()

    async def end(self) -> None:
        """Cancel all actors, and wait until they have ended."""
        tasks = []
        for partition in list(self._inboxes):
            self.revoke(partition)
        for inbox in self._leaving.values():
            if inbox.task:
                inbox.task.cancel()
                tasks.append(inbox.task)
        await asyncio.gather(*tasks, return_exceptions=True)

    def _start(self, inbox: KeyInbox) -> None:
        if inbox.task is None and (inbox.partition, inbox.key) not in self._leaving:
            inbox.task = asyncio.get_running_loop().create_task(self._attend(inbox))

    async def _attend(self, inbox: KeyInbox) -> None:
        """Run the actor of a key as long as there is something in its inbox."""
        delay = FIRST_DELAY_S
        try:
            while inbox.queue and not inbox.revoked:
                if await self._succeeds(inbox):
                    delay = FIRST_DELAY_S
                    continue
                if inbox.revoked:
                    break
                inbox.resting = True
                await asyncio.sleep(delay)
                inbox.resting = False
                delay = min(delay * 2, LAST_DELAY_S)
        finally:
            inbox.task = None
            self._ended(inbox)

    async def _succeeds(self, inbox: KeyInbox) -> bool:
        inbox.touched = False
        try:
            await self._actor(inbox)
        except (Exception, asyncio.CancelledError) as error:
            if not inbox.revoked:
                inbox.put_back()
                logger.exception("The actor of %r failed; what it did not acknowledge comes again", inbox.key)
            elif isinstance(error, asyncio.CancelledError):
                raise
            else:
                _tell_of(inbox.key, error)
            return False
        if not inbox.touched:
            logger.error("The actor of %r ended without looking into its inbox", inbox.key)
        return inbox.touched

    def _ended(self, inbox: KeyInbox) -> None:
        if not inbox.revoked:
            self._settle(inbox)
            return
        if self._leaving.pop((inbox.partition, inbox.key), None):
            successor = self._inboxes.get(inbox.partition, {}).get(inbox.key)
            if successor and successor.queue:
                self._start(successor)

    def _settle(self, inbox: KeyInbox) -> None:
        """Keep an inbox no longer when nothing is in it and nobody works on it."""
        if inbox.task is None and not inbox.queue and not inbox.taken:
            self._inboxes[inbox.partition].pop(inbox.key, None)


def _tell_of(key: str, error: BaseException) -> None:
    """An actor failed whose key has gone meanwhile."""
    if isinstance(error, BusError) and error.code == "partition-lost":
        logger.info("The actor of %r ended after its partition had gone: %s", key, error)
    else:
        logger.error("The actor of %r failed; its partition has gone to another member", key, exc_info=error)
