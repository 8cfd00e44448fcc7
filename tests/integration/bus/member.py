"""A member of a group as a process of its own, for tests that kill or stop one.

Usage: python member.py SERVERS PREFIX SESSION_S TOPIC GROUP odd|told

It says `took OFFSET` for each record. odd: acknowledges those with odd offsets. told: acknowledges all it has, once a
line comes on its standard input. It says `done OFFSET` or `lost OFFSET` then.
"""

from __future__ import annotations

import asyncio
import sys

from ownstack_bus.kafka import KafkaBus, KafkaSettings
from ownstack_bus.port import BusError, Inbox, Record


def say(word: str, record: Record) -> None:
    print(word, record.offset, flush=True)


async def acknowledge(inbox: Inbox, record: Record) -> None:
    try:
        await inbox.done(record)
    except BusError as error:
        if error.code != "partition-lost":
            raise
        say("lost", record)
    else:
        say("done", record)


async def main(servers: str, prefix: str, session: str, topic: str, group: str, mode: str) -> None:
    told = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin, lambda: sys.stdin.readline() and told.set())

    async def act(inbox: Inbox) -> None:
        record = await inbox.get()
        if record is None:
            return
        say("took", record)
        if mode == "told":
            await told.wait()
        if mode == "told" or record.offset % 2:
            await acknowledge(inbox, record)

    bus = await KafkaBus.open(servers, KafkaSettings(prefix=prefix, session_timeout=float(session)))
    await bus.work(topic, group, act)


asyncio.run(main(*sys.argv[1:]))
