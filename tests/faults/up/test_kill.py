"""kill -9 of `ownstack up` at any moment of the demo's story, then started again: the story ends right.

`OWNSTACK_KILLS=50` kills 50 times, a few of them in each story; the seed that it prints chooses the moments.
"""

from __future__ import annotations

import os
import random
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import orjson
import pytest
from tests.e2e.house import House, house_in
from tests.faults.up.journal import violations

from ownstack.demo import set_database
from ownstack.exits import Exit
from ownstack.main import main
from ownstack.story import Step, releasing, setting_up
from ownstack_contracts.history import GENESIS, hash_of

KILLS = int(os.environ.get("OWNSTACK_KILLS", "3"))
A_STORY = 5
"""Kills in one story, at most."""
WITHIN = 1.2
"""A kill that is timed comes so many seconds after its step began, at most."""
STORIES = [min(A_STORY, KILLS - begun) for begun in range(0, KILLS, A_STORY)]

Say = Callable[..., tuple[int, Any]]


@dataclass(frozen=True)
class Moment:
    """When to kill: so many seconds after so many phases (looks do not count) have begun in a step."""

    phases: int
    seconds: float

    def has_come(self, house: House, before: int, done: threading.Event) -> None:
        """Returns at that moment, or when the step is done."""
        while not done.is_set() and _begun(house) < before + self.phases:
            done.wait(0.002)
        done.wait(self.seconds)


def _begun(house: House) -> int:
    return sum(line["event"] == "begin" and line["phase"] != "look" for line in house.journal())


@dataclass
class Killer:
    """Kills the house at moments that only the seed decides, and starts it again at once."""

    house: House
    moments: dict[int, list[Moment]]
    killed: list[str] = field(default_factory=list)

    def haunt(self, number: int, step: Step, done: threading.Event) -> None:
        """Beside step `number`: kill and start again at each moment of it, or at its end if that comes first."""
        for moment in self.moments.get(number, ()):
            moment.has_come(self.house, _begun(self.house), done)
            seen = _under_way(self.house.journal())
            self.house.kill()
            self.killed.append(
                f"{' '.join(step.arguments[:4])[:60]}: {moment.seconds:.2f}s after {moment.phases} phases, {seen}"
            )
            self.house.start()


def _under_way(journal: Sequence[dict[str, Any]]) -> str:
    """What programs were at work, which nobody waits for any more."""
    working = {line["pid"]: line for line in journal if line["event"] == "begin"}
    for line in journal:
        if line["event"] == "end":
            working.pop(line["pid"], None)
    return "during " + (", ".join(f"{w['phase']} on {w['stack']}" for w in working.values()) or "no phase")


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    with house_in(tmp_path / "house") as house:
        for name in [name for name in os.environ if name.startswith("OWNSTACK_")]:
            monkeypatch.delenv(name)
        monkeypatch.setenv("XDG_CONFIG_HOME", str(house.folder))
        yield house


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    """Runs a command in this process until there was a server to hear it; its exit code and its JSON."""

    def run(*arguments: str) -> tuple[int, Any]:
        while True:
            code = main([*arguments, "--json"])
            out, err = capsys.readouterr()
            if code != Exit.UNAVAILABLE:
                return code, orjson.loads(out or err)
            assert "unreachable" in err, err

    return run


@pytest.mark.timeout(600)
@pytest.mark.parametrize("number", range(len(STORIES)))
def test_whatever_is_killed_the_story_ends_right(seed: int, number: int, house: House, say: Say) -> None:
    moments = _moments(random.Random(seed + number), STORIES[number], _steps(house))
    house.start()
    killer = Killer(house, moments)
    for place, step in enumerate(_steps(house)):
        done = threading.Event()
        beside = threading.Thread(target=killer.haunt, args=(place, step, done))
        beside.start()
        try:
            _take(house, say, place, step)
        finally:
            done.set()
            beside.join()
        for where, version in step.answers.items():
            assert house.answer(where)["version"] == version, (step, where, killer.killed)
    assert len(killer.killed) == STORIES[number]
    assert violations(house.journal()) == [], killer.killed
    _nothing_lost(house, say)
    print("\n".join(killer.killed))


def _steps(house: House) -> list[Step]:
    images = house.image("hello", 1), house.image("shop", 1), house.image("shop", 3)
    return [*setting_up(house.driver), *releasing(*images)]


def _moments(chance: random.Random, kills: int, steps: Sequence[Step]) -> dict[int, list[Moment]]:
    """Most of the time is spent in steps that work on stacks, and in their phases: so are most of the kills."""
    weights = [5 if step.answers else 1 for step in steps]
    found: dict[int, list[Moment]] = {}
    for place in chance.choices(range(len(steps)), weights, k=kills):
        phases = 7 if "promote" in steps[place].arguments else 3
        timed = not steps[place].answers or chance.random() < 0.3
        moment = (
            Moment(0, chance.uniform(0, WITHIN)) if timed else Moment(chance.randint(1, phases), chance.uniform(0, 0.1))
        )
        found.setdefault(place, []).append(moment)
    return found


def _take(house: House, say: Say, place: int, step: Step) -> None:
    """A step, whose command has always the same id. A post-deploy script that was lost is for a person to decide."""
    if step.database is not None:
        set_database(house.home, step.database)
    code, told = say(*step.arguments, *(() if step.asks else ("--id", f"step-{place}")))
    told = told["rollout"] if isinstance(told, dict) and isinstance(told.get("rollout"), dict) else told
    if isinstance(told, dict) and any(p["state"] == "unknown" for p in told.get("postdeploys", ())):
        _retry_script(say, told["app"], f"step-{place}-postdeploy")
        ended = {s["state"] for s in told["stacks"]}
        code = Exit.OK if ended <= {"succeeded", "unchanged"} else code
    assert code == step.exit_code, (step, told, house.log)


def _retry_script(say: Say, app: str, command: str) -> None:
    """Until it is known how it ended: what is killed once may be killed again while it is retried."""
    for attempt in count(1):
        code, deployments = say("retry", app, "--postdeploy", "--id", f"{command}-{attempt}")
        states = {deployment["postdeploys"][-1]["state"] for deployment in deployments}
        if "unknown" not in states:
            assert (code, states) == (Exit.OK, {"succeeded"}), deployments
            return


def _nothing_lost(house: House, say: Say) -> None:
    """All commands are in the history, each once; the chain of hashes is whole; the file is sound."""
    _, facts = say("history", "--limit", "100000")
    assert [fact["sequence"] for fact in facts] == list(range(1, len(facts) + 1))
    previous = GENESIS
    for fact in facts:
        assert (fact["previoushash"], fact["hash"]) == (previous, hash_of(fact)), fact
        previous = fact["hash"]
    commands = [f["causationid"] for f in facts if f["step"] == 0 and f["causationid"].startswith("step-")]
    assert len(commands) == len(set(commands)), commands
    assert {f"step-{place}" for place, step in enumerate(_steps(house)) if not step.asks} <= set(commands)
    assert not [fact for fact in facts if fact["type"] == "CommandRejected"]
    house.kill()
    with closing(sqlite3.connect(house.data / "ownstack.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
