"""What a promoter has done since it began, counted: for whoever watches it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from ownstack_contracts.leases import JobGranted
from ownstack_contracts.rejections import CommandRejected
from ownstack_promoter.deciding import Answer


@dataclass(slots=True)
class Tally:
    """inputs: by type, `unreadable` among them. facts: by type. refusals: of commands, by code. dead_letters: by code.
    lapsed: leases that were said to have lapsed. What a restore reads again is not counted."""

    inputs: Counter[str] = field(default_factory=Counter)
    facts: Counter[str] = field(default_factory=Counter)
    refusals: Counter[str] = field(default_factory=Counter)
    dead_letters: Counter[str] = field(default_factory=Counter)
    forwarded: int = 0
    grants: int = 0
    lapsed: int = 0

    def note(self, kind: str, answer: Answer) -> None:
        """An input of this type came to this."""
        self.inputs[kind] += 1
        for _, fact in answer.facts:
            self.facts[fact.type_name()] += 1
            if isinstance(fact, CommandRejected):
                self.refusals[fact.code] += 1
            elif isinstance(fact, JobGranted):
                self.grants += 1
        if answer.dead_letter is not None:
            self.dead_letters[answer.dead_letter.code] += 1
