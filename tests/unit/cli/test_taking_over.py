"""`ownstack app import`, `app look` and `app info`: what runs on stacks, also if it is not what was released there."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.cli.conftest import Run
from tests.unit.cli.fake import Fake, accepted, admitted, fact, ok, page, problem, stream
from tests.unit.cli.test_commands import APP, IMAGE

IMPORT = ("app", "import", "shop", "--stack", "eu-1")


def on_stack(**more: Any) -> dict[str, Any]:
    """An app on one stack."""
    live = {"image": IMAGE, "digest": IMAGE.partition("@")[2], "reference": None, "release": 3, "at": 1_000}
    about = {"stack": "eu-1", "status": "live", "summary": "deployed v3 aaaaaaa", "live": live, "message": None}
    drift = {"drift": False, "drift_seen_at": None, "expected_release": 3, "code": None, "config_keys": None}
    return {**APP, "stacks": [{**about, **drift, **more}]}


DRIFTED = on_stack(
    summary="deployed v2 bbbbbbb",
    drift=True,
    drift_seen_at=86_400_000,
    code="drift",
    message="eu-1 runs v2 instead of v3: somebody has deployed past us.",
)
UNNAMED = on_stack(
    summary="an image without digest (dokku/shop:latest)",
    live={"image": None, "digest": None, "reference": "dokku/shop:latest", "release": None, "at": 1_000},
)


def imported(fake: Fake, *facts: dict[str, Any], app: dict[str, Any] | None = None) -> None:
    fake.on("POST", "/imports", admitted("AppImportRequested", 7))
    fake.on("GET", "/events", stream(*facts))
    fake.on("GET", "/apps/shop", ok(app or on_stack()))


def test_an_app_that_runs_is_taken_over_and_it_is_said_what_was_found(fake: Fake, ownstack: Run) -> None:
    imported(fake, fact(9, "AppImported", app="shop", stack="eu-1"), app=on_stack(config_keys=["A", "B"]))
    ended = ownstack(*IMPORT, "--config")
    assert (ended.code, ended.err) == (0, "")
    assert fake.asked[0].body == {"name": "shop", "stack": "eu-1", "config": True}
    assert fake.to("/events")[0].headers["Last-Event-ID"] == "7"
    first, second, *_, last = ended.out.splitlines()
    assert (first, second) == ("  looking at shop on eu-1 …", "shop is an app, as it runs on eu-1.")
    assert "deployed v3 aaaaaaa" in ended.out
    assert last == "config on eu-1: A, B"


def test_an_image_without_digest_is_shown_by_what_its_stack_calls_it(fake: Fake, ownstack: Run) -> None:
    imported(fake, fact(9, "AppImported", app="shop", stack="eu-1"), app=UNNAMED)
    ended = ownstack(*IMPORT)
    assert (ended.code, "an image without digest (dokku/shop:latest)" in ended.out) == (0, True)
    assert fake.asked[0].body["config"] is False


def test_json_is_the_app(fake: Fake, ownstack: Run) -> None:
    imported(fake, fact(9, "AppImported", app="shop", stack="eu-1"))
    ended = ownstack(*IMPORT, "--json")
    assert (ended.code, ended.json, ended.err) == (0, on_stack(), "")


def test_one_that_is_not_there_is_a_failure_that_says_why(fake: Fake, ownstack: Run) -> None:
    failed = fact(9, "AppImportFailed", app="shop", stack="eu-1", code="app-not-on-stack", message="eu-1 has no shop.")
    imported(fake, failed)
    plain, json = ownstack(*IMPORT), ownstack(*IMPORT, "--json")
    assert (plain.code, "error: eu-1 has no shop.\n" in plain.err, json.code) == (1, True, 1)
    assert (json.out, json.error["code"]) == ("", "app-not-on-stack")


def test_the_end_of_another_import_is_not_taken_for_this_one(fake: Fake, ownstack: Run) -> None:
    others = [
        fact(8, "AppImportFailed", app="shop", stack="us-1", code="c", message="Other stack."),
        fact(9, "AppImported", app="blog", stack="eu-1"),
    ]
    imported(fake, *others, fact(10, "AppImportFailed", app="shop", stack="eu-1", code="c", message="This one."))
    assert "error: This one." in ownstack(*IMPORT).err


def test_an_import_that_is_refused_is_not_followed(fake: Fake, ownstack: Run) -> None:
    fake.on("POST", "/imports", problem(409, "app-exists", "shop is an app already.", "ownstack app info shop"))
    assert (ownstack(*IMPORT).code, len(fake.asked)) == (3, 1)


def test_nobody_waits_for_an_import_who_does_not_want_to(fake: Fake, ownstack: Run) -> None:
    fake.on("POST", "/imports", accepted("AppImportRequested"))
    ended = ownstack(*IMPORT, "--no-wait")
    assert (ended.code, ended.out, len(fake.asked)) == (0, "Sent: AppImportRequested c1\n", 1)


def test_an_import_without_a_stack_makes_no_sense(fake: Fake, ownstack: Run) -> None:
    assert (ownstack("app", "import", "shop").code, fake.asked) == (2, [])


def test_ctrl_c_during_an_import_says_how_to_see_it(fake: Fake, ownstack: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    imported(fake)
    monkeypatch.setattr("ownstack.client.Client.follow", interrupted)
    ended = ownstack(*IMPORT)
    assert (ended.code, "ownstack history --app shop --follow" in ended.err) == (130, True)


def looked(fake: Fake, *stacks: str, app: dict[str, Any]) -> None:
    fake.on("POST", "/apps/shop/looks", admitted("LookRequested", 7))
    asked = [fact(8 + n, "StackLookRequested", app="shop", stack=s, job=s) for n, s in enumerate(stacks)]
    facts = (fact(7, "LookRequested", app="shop"), *asked)
    fake.on("GET", "/history", page(*({"sequence": f["sequence"], "event": f} for f in facts)))
    seen = [fact(20 + n, "StackObserved", stack=s, job=s, live={"reference": "x:y"}) for n, s in enumerate(stacks)]
    fake.on("GET", "/events", stream(*seen))
    fake.on("GET", "/apps/shop", ok(app))


@pytest.mark.parametrize(("options", "body"), [((), {}), (("--stack", "eu-1"), {"stack": "eu-1"})])
def test_a_look_says_what_is_live_then(
    fake: Fake, ownstack: Run, options: tuple[str, ...], body: dict[str, str]
) -> None:
    looked(fake, "eu-1", app=DRIFTED)
    plain, json = ownstack("app", "look", "shop", *options), ownstack("app", "look", "shop", *options, "--json")
    assert (plain.code, plain.err, fake.asked[0].body) == (0, "", body)
    assert plain.out.startswith("shop: looking at what is live\n  ✓ eu-1  succeeded: found x:y\n")
    assert "eu-1 runs v2 instead of v3" in plain.out
    assert (json.code, json.json) == (0, DRIFTED)


def test_a_look_that_nobody_waits_for_is_only_sent(fake: Fake, ownstack: Run) -> None:
    fake.on("POST", "/apps/shop/looks", accepted("LookRequested"))
    assert ownstack("app", "look", "shop", "--no-wait").out == "Sent: LookRequested c1\n"


def test_a_look_at_an_app_on_no_stack_ends_at_once(fake: Fake, ownstack: Run) -> None:
    looked(fake, app={**APP, "stacks": []})
    assert (ownstack("app", "look", "shop").code, fake.to("/events")) == (0, [])


def test_drift_is_shown_with_what_was_expected_and_when_it_was_seen(fake: Fake, ownstack: Run) -> None:
    fake.on("GET", "/apps/shop", ok(DRIFTED))
    ended = ownstack("app", "info", "shop")
    assert ended.code == 0
    assert "drift from v3, seen 1970-01-0" in ended.out
    assert "eu-1 runs v2 instead of v3: somebody has deployed past us." in ended.out
    assert "ownstack app look shop" in ended.out


def test_what_has_not_drifted_is_not_said_to_have(fake: Fake, ownstack: Run) -> None:
    fake.on("GET", "/apps/shop", ok(on_stack(config_keys=[])))
    shown = ownstack("app", "info", "shop").out
    assert ("drift" in shown, "config on eu-1: none" in shown) == (False, True)
