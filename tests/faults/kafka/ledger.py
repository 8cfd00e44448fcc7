"""What the stacks say: their ledgers, and what must never stand in one, whatever was killed."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from tests.faults.kafka.deeds import Deeds

SECOND = 1_000_000_000
"""In ns."""
INIT = 1
"""The process that orphans are given to."""


class Place(NamedTuple):
    """An app on a stack."""

    team: str
    app: str
    stack: str


@dataclass(frozen=True, slots=True)
class Step:
    """One phase that a program ran. `end` None: it never wrote that it ended. `deployer`: the process that started it.
    Times in ns of the clock that all processes share."""

    place: Place
    phase: str
    begin: int
    end: int | None
    exit: int | None
    pid: int
    deployer: int
    deployment: str
    attempt: str
    generation: int
    image: str

    @property
    def attempted(self) -> tuple[str, str, str, int]:
        """What is not to be done twice."""
        return (self.phase, self.deployment, self.attempt, self.generation)

    @property
    def changes(self) -> bool:
        """Whether it does anything to the stack."""
        return self.phase != "look"

    def __str__(self) -> str:
        about = f"{self.phase} of {self.deployment or '-'} attempt {self.attempt or '-'} generation {self.generation}"
        end = "never ended" if self.end is None else f"{self.end / SECOND:.3f}"
        where = f"{self.place.team}/{self.place.app}@{self.place.stack}"
        return f"{where}: {about}, {self.begin / SECOND:.3f} to {end}, by deployer process {self.deployer}"


def read_ledgers(home: Path) -> dict[Place, list[Step]]:
    """The steps of every place, in the order in which they began."""
    return {place: steps for file in sorted(home.glob("*.ledger")) for place, steps in [_read(file)]}


def read_live(home: Path) -> dict[Place, tuple[str, int]]:
    """What every place holds at the end: the image, and the generation."""
    found = {}
    for file in home.glob("*.live"):
        holds = json.loads(file.read_text(encoding="utf-8"))
        team, _, rest = file.stem.partition(".")
        app, _, stack = rest.partition("@")
        found[Place(team, app, stack)] = (str(holds["image"]), int(holds["generation"]))
    return found


def _read(file: Path) -> tuple[Place, list[Step]]:
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    begun: dict[int, dict[str, Any]] = {}  # by process id, which a later program may get again
    steps = []
    for line in lines:
        if line["event"] == "begin":
            if (silent := begun.pop(line["pid"], None)) is not None:
                steps.append(_step(silent, None))
            begun[line["pid"]] = line
        else:
            steps.append(_step(begun.pop(line["pid"]), line))
    steps += [_step(silent, None) for silent in begun.values()]
    steps.sort(key=lambda step: step.begin)
    return steps[0].place, steps


def _step(line: dict[str, Any], end: dict[str, Any] | None) -> Step:
    return Step(
        place=Place(line["team"], line["app"], line["stack"]),
        phase=line["phase"],
        begin=int(line["at"]),
        end=None if end is None else end["at"],
        exit=None if end is None else end["exit"],
        pid=int(line["pid"]),
        deployer=int(line["deployer"]),
        deployment=line["deployment"],
        attempt=line["attempt"],
        generation=int(line["generation"]),
        image=line["image"],
    )


def violations(ledgers: dict[Place, list[Step]], deeds: Deeds) -> Iterator[str]:
    """What should not have happened on the stacks, in sentences."""
    for found in ledgers.values():
        steps = list(_adopted(found, deeds))
        yield from _overlaps(steps)
        yield from _unended(steps)
        yield from _older(steps)
        yield from _without_a_look(steps)
        yield from _repeated(steps, deeds)


def _adopted(steps: Sequence[Step], deeds: Deeds) -> Iterator[Step]:
    """Whoever started a program may be killed before that can ask who it was: then it was who ran the step before."""
    latest: int | None = None
    for step in steps:
        orphan = step.deployer == INIT and latest is not None and deeds.struck(latest, step.begin, step.begin)
        latest = latest if orphan and latest is not None else step.deployer
        yield replace(step, deployer=latest)


def _overlaps(steps: Sequence[Step]) -> Iterator[str]:
    """Programs of one place hold its lock, looks too: no two are ever at work."""
    latest: Step | None = None
    for step in steps:
        if latest is not None and latest.end is not None and step.begin < latest.end:
            yield f"two at once on a stack: {step} began while at work was {latest}"
        if latest is None or (step.end or step.begin) >= (latest.end or latest.begin):
            latest = step


def _unended(steps: Sequence[Step]) -> Iterator[str]:
    """A look is killed with the run that it was for; whatever changes a stack is left to end by itself."""
    yield from (f"it never ended: {step}" for step in steps if step.changes and step.end is None)


def _older(steps: Sequence[Step]) -> Iterator[str]:
    """Nothing older is ever started over something newer; so the order of requests is kept, too."""
    restarts = [step for step in steps if step.phase == "restart"]
    for earlier, later in pairwise(restarts):
        if later.generation < earlier.generation:
            yield f"an older generation over a newer: {later} after {earlier}"
        elif later.generation == earlier.generation and later.attempted != earlier.attempted:
            yield f"one generation for two attempts: {later} and {earlier}"


def _without_a_look(steps: Sequence[Step]) -> Iterator[str]:
    """A deployer looks before it changes anything, and again once another has been at the place."""
    looked: int | None = None
    for step in steps:
        if step.phase == "look":
            looked = step.deployer
        elif step.phase != "post-deploy" and step.deployer != looked:
            yield f"no look before it: {step}"


def _repeated(steps: Sequence[Step], deeds: Deeds) -> Iterator[str]:
    """What is done again: a release task after a crash and a look; a restart if it had not succeeded; a post-deploy
    script never."""
    begun: dict[tuple[str, str, str, int], list[Step]] = defaultdict(list)
    for step in steps:
        if step.changes:
            begun[step.attempted].append(step)
    for again in begun.values():
        for first, second in pairwise(again):
            if first.phase == "post-deploy":
                yield f"a post-deploy script ran twice: {first}, and {second}"
            elif first.phase == "restart" and first.exit == 0:
                yield f"a restart that had succeeded was done again: {first}, and {second}"
            elif not deeds.struck(first.deployer, first.begin, second.begin):
                yield f"done twice, though nothing was done to whoever did it first: {first}, and {second}"
