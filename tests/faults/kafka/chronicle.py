"""What the history says: all of it as it lies on Kafka, whether it is whole, and whether everything has its one end."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from tests.faults.kafka.ledger import Place, Step

from ownstack_bus.port import Bus
from ownstack_contracts.history import GENESIS, hash_of
from ownstack_contracts.topics import COMMANDS, DEAD_LETTERS, HISTORY

Fact = dict[str, Any]
Facts = Mapping[str, Sequence[Fact]]
"""The facts of every team, as they lie in their partition."""

OPENED = {"PromotionBegun": "promotion", "PromotionOpened": "promotion", "DeployOpened": "rollout"}
ENDS = {
    f"{kind}{end}": name
    for kind, name in (("Promotion", "promotion"), ("Deploy", "rollout"))
    for end in ("Succeeded", "PartiallySucceeded", "Failed", "Cancelled", "Superseded")
}
"""The type of each end, and by which name it says what has ended."""
_RUN_OVER = {
    "LeaseReturned",
    "LeaseLapsed",
    "StackDeploySucceeded",
    "StackDeployFailed",
    "PostdeploySucceeded",
    "PostdeployFailed",
    "StackObserved",
    "StackLookFailed",
    "StackAppRemoved",
    "StackAppRemovalFailed",
    "StackRunEnded",
    "StackRunFailed",
}


@dataclass(frozen=True, slots=True)
class Said:
    """A command that was published. `times`: how often, under the same id."""

    team: str
    id: str
    kind: str
    times: int = 1


async def read_facts(bus: Bus) -> Facts:
    """The whole history, from the beginning of every partition."""
    found: dict[str, list[Fact]] = defaultdict(list)
    for partition in range(await bus.partitions(HISTORY.name)):
        async for record in bus.read(HISTORY.name, partition):
            fact = orjson.loads(record.value)
            found[fact["team"]].append(fact)
    return found


async def dead_letters(bus: Bus) -> list[str]:
    """Why there are dead letters, where nobody sent anything that can't be read."""
    return [
        f"a dead letter: {dict(record.headers)} {record.value[:200]!r}"
        for partition in range(await bus.partitions(DEAD_LETTERS.name))
        async for record in bus.read(DEAD_LETTERS.name, partition)
    ]


def pending(facts: Facts, said: Iterable[Said]) -> list[str]:
    """What has no answer or no end yet."""
    answered = {(team, name) for team, own in facts.items() for fact in own for name in answers(fact)}
    waiting = [f"{one.kind} {one.id} of {one.team}" for one in said if (one.team, one.id) not in answered]
    for team, own in facts.items():
        ended = {fact["data"][ENDS[fact["type"]]] for fact in own if fact["type"] in ENDS}
        opened = (fact["data"][OPENED[fact["type"]]] for fact in own if fact["type"] in OPENED)
        waiting += [f"rollout {name} of {team}" for name in opened if name not in ended]
    return waiting


def answers(fact: Fact) -> Iterator[str]:
    """The command that this fact answers, if it does."""
    if fact["type"] == "CommandRejected":
        yield fact["data"]["command"]
    elif fact["input"].startswith(COMMANDS.name) and fact["step"] == 0:
        yield fact["causationid"]


def violations(facts: Facts, said: Sequence[Said]) -> Iterator[str]:
    """What is wrong with the history by itself, in sentences."""
    for team, own in facts.items():
        yield from _unwhole(team, own)
        yield from _ended_twice(team, own)
        yield from _granted_twice(team, own)
        yield from _generations(team, own)
    yield from _cut(facts)
    yield from _answered_otherwise(facts, said)
    yield from (f"lost: {one}" for one in pending(facts, said))


def _unwhole(team: str, own: Sequence[Fact]) -> Iterator[str]:
    """Every sequence once, in order; each fact sealed, and linked to the one before it."""
    previous, expected = GENESIS, 1
    for fact in own:
        if fact["sequence"] != expected:
            yield f"{team}: fact {fact['sequence']} ({fact['type']}) stands where {expected} should"
        if fact["previoushash"] != previous or fact["hash"] != hash_of(fact):
            yield f"{team}: the chain of hashes is broken at {fact['sequence']} ({fact['type']})"
        previous, expected = fact["hash"], fact["sequence"] + 1


def _cut(facts: Facts) -> Iterator[str]:
    """Every decision is whole: each of its steps, once."""
    steps: dict[str, list[int]] = defaultdict(list)
    wanted: dict[str, int] = {}
    for own in facts.values():
        for fact in own:
            if fact["type"] == "DecisionCut":
                yield f"{fact['team']}: a decision was cut: {fact['data']}"
            steps[fact["input"]].append(fact["step"])
            wanted[fact["input"]] = fact["steps"]
    for name, found in steps.items():
        if sorted(found) != list(range(wanted[name])):
            yield f"the decision on {name} has the steps {sorted(found)} of {wanted[name]}"


def _ended_twice(team: str, own: Sequence[Fact]) -> Iterator[str]:
    ends = Counter(fact["data"][ENDS[fact["type"]]] for fact in own if fact["type"] in ENDS)
    yield from (f"{team}: rollout {name} ended {count} times" for name, count in ends.items() if count > 1)


def _granted_twice(team: str, own: Sequence[Fact]) -> Iterator[str]:
    """One run at a time holds a place, as the history tells it; and none holds it again once its lease has lapsed."""
    holding: dict[tuple[str, str], str] = {}
    lapsed: set[str] = set()
    for fact in own:
        data = fact["data"]
        if fact["type"] == "JobGranted":
            place = (data["app"], data["stack"])
            other = holding.get(place, data["run"])  # a run that claims again, unanswered, is told again
            if other != data["run"]:
                yield f"{team}: run {data['run']} was granted {place} while {other} held it, at {fact['sequence']}"
            if data["run"] in lapsed:
                yield f"{team}: run {data['run']} was granted {place} after it had lapsed, at {fact['sequence']}"
            holding[place] = data["run"]
        elif fact["type"] in _RUN_OVER:
            if fact["type"] == "LeaseLapsed":
                lapsed.add(data["run"])
            holding = {place: run for place, run in holding.items() if run != data["run"]}
        elif fact["type"] in ("JobClosed", "StackDeployExpired", "JobExpired"):
            holding.pop((data["app"], data["stack"]), None)


def _generations(team: str, own: Sequence[Fact]) -> Iterator[str]:
    """Every request for a place has a higher generation than the one before it."""
    latest: dict[tuple[str, str], int] = {}
    for fact in own:
        if fact["type"] == "StackDeployRequested":
            data = fact["data"]
            place = (data["app"], data["stack"])
            if data["generation"] <= latest.get(place, 0):
                yield f"{team}: generation {data['generation']} of {place} follows {latest[place]}"
            latest[place] = data["generation"]


def _answered_otherwise(facts: Facts, said: Sequence[Said]) -> Iterator[str]:
    """Each command that was published is answered once, however often it was."""
    counts = Counter((team, name) for team, own in facts.items() for fact in own for name in answers(fact))
    yield from (f"{team}: command {name} was answered {n} times" for (team, name), n in counts.items() if n > 1)
    known = {(one.team, one.id) for one in said}
    yield from (f"{team}: command {name} was answered, and never published" for team, name in counts.keys() - known)


def against_ledgers(
    facts: Facts, ledgers: Mapping[Place, Sequence[Step]], live: Mapping[Place, tuple[str, int]]
) -> Iterator[str]:
    """Whether the history and the stacks tell the same."""
    requests = {
        (Place(team, data["app"], data["stack"]), data["generation"]): data
        for team, own in facts.items()
        for fact in own
        if fact["type"] == "StackDeployRequested"
        for data in [fact["data"]]
    }
    for place, steps in ledgers.items():
        for step in steps:
            asked = requests.get((place, step.generation))
            if step.phase == "restart" and (asked is None or asked["image"] != step.image):
                yield f"nobody asked for this: {step}"
    yield from _succeeded_nowhere(facts, ledgers)
    yield from _believed_otherwise(facts, live)


def _succeeded_nowhere(facts: Facts, ledgers: Mapping[Place, Sequence[Step]]) -> Iterator[str]:
    """What is said to serve was started."""
    done = {
        (place, step.generation)
        for place, steps in ledgers.items()
        for step in steps
        if step.phase == "restart" and step.exit == 0
    }
    for team, own in facts.items():
        for fact in own:
            if fact["type"] == "StackDeploySucceeded":
                data = fact["data"]
                place = Place(team, data["app"], data["stack"])
                if (place, data["live"]["generation"]) not in done:
                    yield f"{team}: {data['job']} succeeded, but no stack says so"


def _believed_otherwise(facts: Facts, live: Mapping[Place, tuple[str, int]]) -> Iterator[str]:
    """What a stack holds in the end is what the history says that it holds."""
    believed: dict[Place, tuple[str, int]] = {}
    for team, own in facts.items():
        for fact in own:
            data = fact["data"]
            if fact["type"] in ("StackDeploySucceeded", "StackObserved", "StackDeployFailed") and data.get("live"):
                holds = data["live"]
                believed[Place(team, data["app"], data["stack"])] = (holds["image"], holds["generation"])
    for place in live.keys() | believed.keys():
        if live.get(place) != believed.get(place):
            yield f"{place} holds {live.get(place)}, but the history says {believed.get(place)}"
