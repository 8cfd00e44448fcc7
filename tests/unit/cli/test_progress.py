"""Progress: what the facts make of the rows, and how the rows are drawn."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console
from tests.unit.cli.test_commands import rollout

from ownstack.progress import LOOKING, Progress, Row, of_jobs, of_rollout
from ownstack.watching import Board


def states(progress: Progress) -> dict[str, str]:
    return {name: row.state for name, row in progress.rows.items()}


def job(stack: str, **more: Any) -> dict[str, Any]:
    return {"stack": stack, "job": f"c1.{stack}.1", **more}


def test_a_stack_goes_from_phase_to_phase() -> None:
    progress = of_rollout(rollout())
    seen = []
    for kind in ("StackDeployRequested", "JobGranted", "ReleaseTaskStarted", "RestartStarted", "StackDeploySucceeded"):
        progress.apply(kind, job("eu-1"), 1)
        seen.append(progress.rows["eu-1"].state)
    assert seen == ["asked", "granted", "release-task", "restart", "succeeded"]


def test_it_ends_with_the_fact_that_ends_the_rollout_and_no_other() -> None:
    progress = of_rollout(rollout())
    progress.apply("PromotionSucceeded", {"promotion": "c2"}, 1)
    progress.apply("StackDeploySucceeded", job("eu-1"), 1)
    assert not progress.ended
    progress.apply("PromotionFailed", {"promotion": "c1"}, 1)
    assert progress.ended


def test_a_rollout_whose_id_begins_like_another_is_another() -> None:
    progress = of_rollout(rollout())
    assert progress.apply("ReleaseTaskStarted", {"stack": "eu-1", "job": "c12.eu-1.1"}, 1) is None


def test_a_queued_one_says_what_it_waits_for_until_it_starts() -> None:
    progress = of_rollout(rollout("queued", behind="c0"))
    assert progress.note == "waits for c0, which is under way"
    progress.apply("RolloutStarted", {"rollout": "c1"}, 1)
    assert progress.note is None


def test_a_lost_deployer_is_told() -> None:
    progress = of_rollout(rollout())
    progress.apply("RestartStarted", job("eu-1"), 1)
    progress.apply("LeaseLapsed", job("eu-1"), 2)
    assert progress.rows["eu-1"].words == "waiting for a deployer: its deployer was lost; another will look first"


def test_a_lease_that_lapses_late_does_not_take_a_success_back() -> None:
    progress = of_rollout(rollout())
    progress.apply("StackDeploySucceeded", job("eu-1"), 1)
    progress.apply("LeaseLapsed", job("eu-1"), 2)
    assert progress.rows["eu-1"].state == "succeeded"


def test_jobs_end_when_each_has() -> None:
    progress = of_jobs("", [("a", "j1"), ("b", "j2")], LOOKING)
    progress.apply("StackObserved", {"stack": "a", "job": "j1", "live": None}, 1)
    assert not progress.ended
    progress.apply("StackLookFailed", {"stack": "b", "job": "j2", "code": "c", "message": "m"}, 1)
    assert (progress.ended, states(progress)) == (True, {"a": "succeeded", "b": "failed"})


def test_a_row_that_ended_unseen_is_settled_and_one_that_was_seen_stays() -> None:
    progress = of_rollout(rollout())
    progress.apply("StackDeployFailed", job("eu-1", message="What it said."), 5)
    view = rollout("failed", states={"eu-1": "failed", "us-1": "failed"})
    view["stacks"][1] |= {"message": "Why.", "started_at": 1, "ended_at": 3}
    assert [row.stack for row in progress.settle(view)] == ["us-1"]
    assert [row.words for row in progress.rows.values()] == ["failed: What it said.", "failed: Why."]
    assert progress.rows["us-1"] == Row("us-1", "failed", 3, 1, "Why.")


def drawn(rows: list[Row], *, width: int = 80, height: int = 24) -> list[str]:
    progress = Progress("title", {row.stack: row for row in rows}, lambda _: True)
    file = io.StringIO()
    console = Console(file=file, width=width, height=height, force_terminal=True, color_system=None)
    console.print(Board(progress, now=lambda: 10.0))
    return file.getvalue().splitlines()


def test_a_row_says_its_stack_its_state_and_for_how_long() -> None:
    first, second, last = drawn(
        [Row("eu-1", "restart", 9_000, 7_500), Row("us-1", "failed", 5_000, 2_000, "No space left.")]
    )
    assert first.split() == ["⠋", "eu-1", "restarting", "2.5s"]
    assert second.split() == ["✗", "us-1", "failed:", "No", "space", "left.", "3.0s"]
    assert last == "0 of 2 done, 1 not"


def test_more_rows_than_the_terminal_is_high_show_what_matters() -> None:
    rows = [Row(f"s{n}", "succeeded") for n in range(100)]
    rows[50].state, rows[99].state = "failed", "restart"
    lines = drawn(rows, height=10)
    assert len(lines) <= 9
    assert [line.split()[1] for line in lines[:2]] == ["s50", "s99"]
    assert lines[-1] == "98 of 100 done, 1 not"


@pytest.mark.parametrize("width", [20, 40, 80])
def test_no_line_is_longer_than_the_terminal_is_wide(width: int) -> None:
    long = Row("a-stack-with-a-name-of-some-length", "failed", 1, 1, "words " * 40)
    assert max(len(line) for line in drawn([long], width=width)) <= width


def test_what_is_said_of_the_whole_is_shown_until_it_ends() -> None:
    progress = Progress("title", {}, lambda _: True, note="looking at shop-staging on eu-1 …")
    file = io.StringIO()
    console = Console(file=file, width=80, height=24, force_terminal=True, color_system=None)
    console.print(Board(progress))
    progress.ended = True
    console.print(Board(progress))
    assert file.getvalue().split("\n").count("looking at shop-staging on eu-1 …") == 1


def test_what_a_stack_says_can_not_move_the_cursor() -> None:
    assert "\x1b" not in "".join(drawn([Row("a", "failed", 1, 1, "\x1b[2Jgone")]))


@pytest.mark.parametrize("width", [40, 80])
def test_long_words_take_no_room_from_the_stack_and_its_time(width: int) -> None:
    failed = Row("us-1", "failed", 5_000, 2_000, "words " * 40)
    first = drawn([failed, Row("eu-1", "succeeded", 5_000, 2_000)], width=width)[0]
    assert first.split()[:3] == ["✗", "us-1", "failed:"]
    assert first.split()[-1] == "3.0s"


def test_what_was_queued_once_is_not_said_to_be_when_it_runs() -> None:
    progress = of_rollout(rollout())
    progress.apply("PromotionBegun", {"promotion": "c1", "source": "s", "looked_at": ["a"]}, 1)
    progress.apply("RolloutQueued", {"rollout": "c1", "behind": "c0"}, 2)
    assert progress.note is None


def test_a_tag_that_was_given_already_is_not_said_to_be_under_way() -> None:
    progress = of_rollout(rollout(retag={"tag": "shop-v3", "image": "shop:shop-v3", "code": None, "message": None}))
    progress.apply("ImageRetagRequested", {"rollout": "c1", "tag": "shop-v3"}, 1)
    assert progress.note is None
