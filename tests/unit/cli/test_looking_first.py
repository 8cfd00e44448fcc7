"""A promotion that looks at its source first: what is shown meanwhile, and how it ends if it can't begin."""

from __future__ import annotations

from typing import Any

from tests.unit.cli.conftest import Run
from tests.unit.cli.fake import Fake, admitted, fact, ok, page, stream
from tests.unit.cli.test_commands import IMAGE, deployed, rollout

from ownstack.progress import Progress, of_rollout, title_of

PROMOTE = ("app", "pipeline", "promote", "shop-staging")
BEGUN = {"promotion": "c1", "source": "shop-staging", "source_release": 5, "looked_at": ["eu-1"], "target": "shop"}
OPENED = {"promotion": "c1", "source": "shop-staging", "source_release": 5, "target": "shop", "image": IMAGE}
STARTED = {"rollout": "c1", "app": "shop", "release": 3, "image": IMAGE}
TO = ["eu-1", "us-1"]


def looking(status: str = "looking", **more: Any) -> dict[str, Any]:
    """What the server says of it before its source was seen."""
    unknown: dict[str, Any] = {"release": None, "image": None, "digest": None, "source_release": None}
    return rollout(status, started_at=None, ended_at=None, **{**unknown, **more})


def look_of_source(first: int) -> list[dict[str, Any]]:
    about = {"app": "shop-staging", "stack": "eu-1", "job": "shop-staging.3.eu-1#look.4"}
    return [
        fact(first, "PromotionBegun", stacks=TO, **BEGUN),
        fact(first + 1, "StackLookRequested", **about),
        fact(first + 2, "StackObserved", live={"image": IMAGE}, **about),
    ]


def began(first: int) -> list[dict[str, Any]]:
    return [
        fact(first, "PromotionOpened", stacks=TO, **OPENED),
        fact(first + 1, "RolloutStarted", stacks=TO, **STARTED),
    ]


def promoted(fake: Fake, end: dict[str, Any], *facts: dict[str, Any], states: dict[str, str]) -> None:
    fake.on("POST", "/apps/shop-staging/promotions", admitted("PromotionRequested", 10, "c1"))
    fake.on("GET", "/rollouts/c1", ok(looking(states=states)), ok(end))
    fake.on("GET", "/events", stream(*facts))


def test_it_says_where_it_looks_and_then_goes_from_stack_to_stack(fake: Fake, ownstack: Run) -> None:
    facts = [*look_of_source(11), *began(14), *deployed("eu-1", 20), *deployed("us-1", 30)]
    done = rollout("succeeded", states={"eu-1": "succeeded", "us-1": "succeeded"})
    promoted(fake, done, *facts, fact(40, "PromotionSucceeded", promotion="c1"), states={})
    ended = ownstack(*PROMOTE)
    assert (ended.code, "shop-staging: " in ended.out) == (0, False)
    assert ended.out.splitlines()[:4] == [
        "shop, promoted from shop-staging",
        "  looking at shop-staging on eu-1 …",
        "shop v3 aaaaaaa, promoted from shop-staging v5",
        "  · eu-1  waiting for a deployer",
    ]
    assert ended.out.splitlines()[-1] == "succeeded in 2.5s"


def test_one_that_can_not_begin_says_why_and_how_to_see_what_runs_there(fake: Fake, ownstack: Run) -> None:
    message = "shop-staging is not what was released on it last."
    end = looking(code="source-drifted", message=message, status="failed", states={"eu-1": "skipped"})
    failed = fact(14, "PromotionFailed", promotion="c1", code="source-drifted", message=message)
    promoted(fake, end, *look_of_source(11), failed, states={"eu-1": "pending"})
    ended = ownstack(*PROMOTE)
    assert (ended.code, ended.out.splitlines()[-1]) == (1, f"failed: {message}")
    assert "ownstack app look shop-staging" in ended.err
    assert "ownstack retry" not in ended.err


def test_json_of_one_that_can_not_begin_is_the_rollout(fake: Fake, ownstack: Run) -> None:
    end = looking(code="image-without-digest", message="No.", status="failed", states={})
    promoted(fake, end, *look_of_source(11), fact(14, "PromotionFailed", promotion="c1"), states={})
    ended = ownstack(*PROMOTE, "--json")
    assert (ended.code, ended.json, ended.err) == (1, end, "")


def test_a_release_that_was_tried_and_failed_gets_no_hint_to_look_at_the_source(fake: Fake, ownstack: Run) -> None:
    end = rollout("failed", states={"eu-1": "failed"}, message="No.")
    promoted(fake, end, *look_of_source(11), *began(14), fact(20, "PromotionFailed", promotion="c1"), states={})
    assert "app look" not in ownstack(*PROMOTE).err


def follow(progress: Progress, *facts: dict[str, Any]) -> None:
    for told in facts:
        progress.apply(told["type"], told["data"], 1)


def test_rows_that_come_only_with_the_rollout_are_taken_up() -> None:
    progress = of_rollout(looking(states={}))
    assert (progress.ended, progress.rows) == (False, {})
    follow(progress, *look_of_source(11))
    assert progress.note == "looking at shop-staging on eu-1 …"
    follow(progress, *began(14))
    assert (progress.note, list(progress.rows), progress.ended) == (None, ["eu-1", "us-1"], False)
    assert progress.title == "shop v3 aaaaaaa, promoted from shop-staging v5"


def test_what_is_seen_of_the_source_is_no_row_of_the_target() -> None:
    progress = of_rollout(looking(states={"us-1": "pending"}))
    follow(progress, *look_of_source(11)[1:])
    assert {name: row.state for name, row in progress.rows.items()} == {"us-1": "pending"}


def test_one_that_waits_after_its_look_says_for_what() -> None:
    progress = of_rollout(looking(states={}))
    follow(progress, *look_of_source(11), began(14)[0], fact(15, "RolloutQueued", behind="c0", stacks=TO, **STARTED))
    assert progress.note == "waits for c0, which is under way"


def test_a_rollout_that_was_begun_already_keeps_its_title() -> None:
    progress = of_rollout(rollout())
    title = progress.title
    follow(progress, *look_of_source(11), *began(14))
    assert progress.title == title


def test_a_roll_back_says_to_what() -> None:
    view = rollout(kind="deploy", source=None, source_release=None, rolled_back_to=2)
    assert title_of(view) == "shop v3 aaaaaaa, rolled back to v2"


def test_a_promotion_that_looks_is_listed_without_what_is_not_known_yet(fake: Fake, ownstack: Run) -> None:
    fake.on("GET", "/promotions", page(looking()))
    fake.on("GET", "/promotions/c1", ok(looking()))
    listed, shown = ownstack("promotion", "list"), ownstack("promotion", "info", "c1")
    assert (listed.code, shown.code) == (0, 0)
    assert listed.out.splitlines()[1].split()[:4] == ["c1", "shop-staging", "shop", "—"]
