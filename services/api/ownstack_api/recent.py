"""The commands that this process published lately: the read model may not hold them yet."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from dataclasses import dataclass

KEPT = 10_000


def fingerprint(content: bytes) -> bytes:
    """Stands for the content of a command, which may be large: two have the same one only if they are the same."""
    return hashlib.sha256(content).digest()


@dataclass(frozen=True, slots=True)
class Proposal:
    """A command that was, or is being, published. `content`: as `fingerprint` has it; `at`: ms since the epoch;
    `copied`: the names of the values that it carries, if these are copied from elsewhere.

    written: done once the command is durable on the bus, or failed with what the bus said.
    """

    team: str
    id: str
    type: str
    content: bytes
    actor: str
    at: int
    written: asyncio.Task[None]
    copied: frozenset[str] = frozenset()


class Recent:
    """The last `kept` proposals, by team and id."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._proposals: OrderedDict[tuple[str, str], Proposal] = OrderedDict()

    def find(self, team: str, command_id: str) -> Proposal | None:
        """The proposal with this id, if it is recent."""
        return self._proposals.get((team, command_id))

    def add(self, proposal: Proposal) -> None:
        """Remember it, until it is old or turns out not to have been written."""
        key = (proposal.team, proposal.id)
        self._proposals[key] = proposal
        proposal.written.add_done_callback(lambda written: self._forget_unwritten(key, written))
        if len(self._proposals) > self._kept:
            self._proposals.popitem(last=False)

    def _forget_unwritten(self, key: tuple[str, str], written: asyncio.Task[None]) -> None:
        if written.cancelled() or written.exception() is not None:
            self._proposals.pop(key, None)
