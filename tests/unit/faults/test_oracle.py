"""The judge of the fault tests: what must not happen is seen when it does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.faults.kafka import chronicle, ledger
from tests.faults.kafka.chronicle import Said
from tests.faults.kafka.deeds import Deed, Deeds
from tests.faults.kafka.ledger import SECOND, Place

from ownstack_contracts.history import GENESIS, hash_of

IMAGE = "registry.example/shop@sha256:" + "a" * 64
PLACE = Place("acme", "shop", "eu-1")
FIRST, SECOND_ONE = 100, 200
"""Deployer processes."""


class Stack:
    """Writes a ledger as the driver does. Times in seconds."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.lines: list[dict[str, Any]] = []
        self.pid = 1_000

    def ran(self, phase: str, begin: float, end: float | None, deployer: int = FIRST, **more: Any) -> None:
        self.pid += 1
        told = {
            "team": "acme",
            "app": "shop",
            "app_id": "shop.1",
            "stack": "eu-1",
            "deployment": "" if phase == "look" else "p1.eu-1",
            "attempt": "" if phase == "look" else "1",
            "generation": more.get("generation", 3),
            "release": "1",
            "image": IMAGE,
        } | {name: more[name] for name in ("deployment", "attempt") if name in more}
        at = {"phase": phase, "pid": self.pid}
        self.lines.append({"event": "begin", "at": int(begin * SECOND), "deployer": deployer, **at, **told})
        if end is not None:
            self.lines.append({"event": "end", "at": int(end * SECOND), "exit": more.get("code", 0), **at, **told})

    def violations(self, *deeds: Deed) -> list[str]:
        self.lines.sort(key=lambda line: line["at"])
        (self.home / "acme.shop@eu-1.ledger").write_text("".join(json.dumps(line) + "\n" for line in self.lines))
        return list(ledger.violations(ledger.read_ledgers(self.home), Deeds(list(deeds))))


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    return Stack(tmp_path)


def killed(at: float, pid: int = FIRST) -> Deed:
    return Deed(int(at * SECOND), "killed", "deployer-1", pid)


class TestOfTheStacks:
    """What a ledger may hold, and what not."""

    def test_a_deployment_is_in_order(self, stack: Stack) -> None:
        stack.ran("look", 1, 2)
        stack.ran("release-task", 3, 4)
        stack.ran("restart", 5, 6)
        stack.ran("post-deploy", 7, 8)
        assert stack.violations() == []

    def test_two_at_once_are_seen(self, stack: Stack) -> None:
        stack.ran("look", 1, 5)
        stack.ran("look", 4, 6, SECOND_ONE)
        (found,) = stack.violations()
        assert found.startswith("two at once")

    def test_two_at_once_are_seen_though_a_third_ended_between(self, stack: Stack) -> None:
        stack.ran("look", 0.5, 0.9)
        stack.ran("release-task", 1, 9)
        stack.ran("look", 2, 3)
        stack.ran("look", 4, 5)
        assert [found.partition(":")[0] for found in stack.violations()] == ["two at once on a stack"] * 2

    def test_an_older_generation_over_a_newer_is_seen(self, stack: Stack) -> None:
        stack.ran("look", 1, 2)
        stack.ran("restart", 3, 4, generation=5)
        stack.ran("restart", 5, 6, generation=4, deployment="p0.eu-1")
        (found,) = stack.violations()
        assert found.startswith("an older generation over a newer")

    def test_who_comes_back_and_goes_on_without_a_look_is_seen(self, stack: Stack) -> None:
        stack.ran("look", 1, 2, FIRST)
        stack.ran("look", 10, 11, SECOND_ONE)
        stack.ran("restart", 12, 13, FIRST)
        (found,) = stack.violations()
        assert found.startswith("no look before it")

    def test_a_release_task_is_done_again_after_a_crash(self, stack: Stack) -> None:
        stack.ran("look", 1, 2, FIRST)
        stack.ran("release-task", 3, 4, FIRST)
        stack.ran("look", 20, 21, SECOND_ONE)
        stack.ran("release-task", 22, 23, SECOND_ONE)
        assert stack.violations(killed(3.5)) == []
        assert stack.violations(killed(1.5)) == []  # it was slow to start
        for elsewhere in ([], [killed(30)], [killed(3.5, SECOND_ONE)]):
            (found,) = stack.violations(*elsewhere)
            assert found.startswith("done twice")

    def test_a_restart_that_had_succeeded_is_not_done_again(self, stack: Stack) -> None:
        stack.ran("look", 1, 2)
        stack.ran("restart", 3, 4)
        stack.ran("look", 20, 21, SECOND_ONE)
        stack.ran("restart", 22, 23, SECOND_ONE)
        (found,) = stack.violations(killed(3.5))
        assert found.startswith("a restart that had succeeded")

    def test_a_post_deploy_script_never_runs_twice(self, stack: Stack) -> None:
        stack.ran("post-deploy", 3, 4)
        stack.ran("post-deploy", 22, 23, SECOND_ONE)
        (found,) = stack.violations(killed(3.5))
        assert found.startswith("a post-deploy script ran twice")

    def test_what_never_ends_is_seen_unless_it_only_looked(self, stack: Stack) -> None:
        stack.ran("look", 1, None)
        stack.ran("look", 2, 3)
        stack.ran("restart", 4, None)
        (found,) = stack.violations()
        assert found.startswith("it never ended")

    def test_an_orphan_belongs_to_who_was_killed_just_then(self, stack: Stack) -> None:
        stack.ran("look", 1, 2, FIRST)
        stack.ran("restart", 3, 4, deployer=1)
        assert stack.violations(killed(2.9)) == []
        (found,) = stack.violations()
        assert found.startswith("no look before it")


class History:
    """Writes the history of one team as the promoter does: each input decided at once, unless told otherwise."""

    def __init__(self) -> None:
        self.facts: list[dict[str, Any]] = []

    def holds(self, kind: str, command: str | None = None, steps: int = 1, **data: Any) -> None:
        number = len(self.facts) + 1
        topic = "commands" if command else "reports"
        fact = {
            "type": kind,
            "team": "acme",
            "sequence": number,
            "input": f"ownstack.{topic}/0/{number}",
            "step": 0,
            "steps": steps,
            "causationid": command or f"r{number}",
            "previoushash": self.facts[-1]["hash"] if self.facts else GENESIS,
            "data": data,
        }
        self.facts.append({**fact, "hash": hash_of(fact)})

    def opened(self) -> None:
        """A promotion, asked for and opened."""
        self.holds("PromotionRequested", command="p1", app="shop-staging")
        self.holds("PromotionOpened", promotion="p1")

    def violations(self) -> list[str]:
        return list(chronicle.violations({"acme": self.facts}, [Said("acme", "p1", "PromotionRequested")]))


@pytest.fixture
def history() -> History:
    made = History()
    made.opened()
    return made


GRANT: dict[str, Any] = {"job": "p1.eu-1.1", "app": "shop", "stack": "eu-1"}


class TestOfTheHistory:
    """What it may hold, and what not."""

    def test_one_that_is_whole_is_in_order(self, history: History) -> None:
        history.holds("JobGranted", run="a", **GRANT)
        history.holds("JobGranted", run="a", **GRANT)
        history.holds("LeaseLapsed", run="a", **GRANT)
        history.holds("JobGranted", run="b", **GRANT)
        history.holds("StackDeploySucceeded", run="b", **GRANT)
        history.holds("PromotionSucceeded", promotion="p1")
        assert history.violations() == []

    def test_what_has_no_end_is_seen(self, history: History) -> None:
        assert history.violations() == ["lost: rollout p1 of acme"]

    def test_what_has_two_ends_is_seen(self, history: History) -> None:
        history.holds("PromotionSucceeded", promotion="p1")
        history.holds("PromotionFailed", promotion="p1")
        assert history.violations() == ["acme: rollout p1 ended 2 times"]

    def test_a_command_that_is_not_answered_is_seen(self) -> None:
        assert History().violations() == ["lost: PromotionRequested p1 of acme"]

    def test_a_command_that_is_answered_twice_is_seen(self, history: History) -> None:
        history.holds("PromotionRequested", command="p1", app="shop-staging")
        history.holds("PromotionSucceeded", promotion="p1")
        assert history.violations() == ["acme: command p1 was answered 2 times"]

    def test_two_who_hold_a_place_are_seen(self, history: History) -> None:
        history.holds("JobGranted", run="a", **GRANT)
        history.holds("JobGranted", run="b", **GRANT)
        history.holds("PromotionSucceeded", promotion="p1")
        (found,) = history.violations()
        assert "run b was granted" in found

    def test_one_that_holds_it_again_after_it_has_lapsed_is_seen(self, history: History) -> None:
        history.holds("JobGranted", run="a", **GRANT)
        history.holds("LeaseLapsed", run="a", **GRANT)
        history.holds("JobGranted", run="a", **GRANT)
        history.holds("PromotionSucceeded", promotion="p1")
        (found,) = history.violations()
        assert "after it had lapsed" in found

    def test_a_generation_that_does_not_grow_is_seen(self, history: History) -> None:
        for _ in range(2):
            history.holds("StackDeployRequested", generation=4, image=IMAGE, **GRANT)
        history.holds("PromotionSucceeded", promotion="p1")
        (found,) = history.violations()
        assert "generation 4" in found

    def test_a_cut_decision_is_seen(self, history: History) -> None:
        history.holds("PromotionSucceeded", promotion="p1", steps=2)
        (found,) = history.violations()
        assert "has the steps [0] of 2" in found

    def test_damage_is_seen(self, history: History) -> None:
        history.holds("PromotionSucceeded", promotion="p1")
        history.facts[1]["data"]["promotion"] = "p2"
        assert any("chain of hashes is broken at 2" in found for found in history.violations())
        del history.facts[1]
        assert any("fact 3 (PromotionSucceeded) stands where 2 should" in found for found in history.violations())


class TestOfBoth:
    """The history and the stacks tell the same."""

    def asked_and_done(self, history: History) -> None:
        history.holds("StackDeployRequested", generation=3, image=IMAGE, **GRANT)
        history.holds("StackDeploySucceeded", run="a", live={"image": IMAGE, "generation": 3}, **GRANT)

    def test_the_same_is_in_order(self, history: History, stack: Stack) -> None:
        self.asked_and_done(history)
        stack.ran("restart", 1, 2)
        stack.violations()
        ledgers = ledger.read_ledgers(stack.home)
        assert list(chronicle.against_ledgers({"acme": history.facts}, ledgers, {PLACE: (IMAGE, 3)})) == []

    def test_what_differs_is_seen(self, history: History, stack: Stack) -> None:
        self.asked_and_done(history)
        stack.ran("restart", 1, 2, generation=4)
        stack.violations()
        ledgers = ledger.read_ledgers(stack.home)
        found = list(chronicle.against_ledgers({"acme": history.facts}, ledgers, {PLACE: (IMAGE, 4)}))
        assert [one.partition(":")[0] for one in found[:1]] == ["nobody asked for this"]
        assert "p1.eu-1.1 succeeded, but no stack says so" in found[1]
        assert "but the history says" in found[2]
