"""`ownstack app clone` and `app destroy`: what is sent, what was left out, and how it ends."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.cli.checks import Terminal
from tests.unit.cli.conftest import Run
from tests.unit.cli.fake import Answer, Fake, admitted, fact, ok, page, problem, stream
from tests.unit.cli.test_commands import APP, deployed, rollout

CLONE = ("app", "clone", "shop", "pr-7", "--stack=review-stack")


def cloned(*left_out: str, rollout: str | None = None, status: str = "admitted") -> Answer:
    answer = admitted("AppCloned", 10, rollout).body
    return ok({"command": {**answer["command"], "status": status}, "left_out": list(left_out)})


def deploying(fake: Fake, status: str, *left_out: str) -> None:
    fake.on("POST", "/apps/shop/clones", cloned(*left_out, rollout="c1"))
    about: dict[str, Any] = {"kind": "deploy", "app": "pr-7", "source": None, "source_release": None, "release": 1}
    states = {"eu-1": status}
    fake.on("GET", "/rollouts/c1", ok(rollout(**about)), ok(rollout(status, states=states, **about)))
    end = fact(20, "DeploySucceeded" if status == "succeeded" else "DeployFailed", rollout="c1")
    fake.on("GET", "/events", stream(*deployed("eu-1", 11), end))


def looked_at(fake: Fake, answer: Answer) -> None:
    fake.on("POST", "/apps/shop/clones", answer)
    asked = fact(11, "StackLookRequested", app="pr-7", stack="review-stack", job="j1")
    fake.on("GET", "/history", page({"sequence": 11, "event": asked}))
    fake.on("GET", "/events", stream(fact(12, "StackObserved", job="j1", stack="review-stack", live=None)))


def test_a_clone_is_deployed_and_watched(fake: Fake, ownstack: Run) -> None:
    deploying(fake, "succeeded")
    ended = ownstack(*CLONE, "--deploy")
    assert (ended.code, ended.err) == (0, "")
    assert fake.asked[0].body == {
        "name": "pr-7",
        "stack": "review-stack",
        "deploy": True,
        "config": True,
        "secrets": False,
    }
    lines = ended.out.splitlines()
    assert lines[:2] == ["pr-7 is a clone of shop, on review-stack.", "pr-7 v1 aaaaaaa"]
    assert lines[-1] == "succeeded in 2.5s"


def test_without_deploy_what_is_there_is_looked_at(fake: Fake, ownstack: Run) -> None:
    looked_at(fake, cloned())
    plain, json = ownstack(*CLONE), ownstack(*CLONE, "--json")
    assert (plain.code, fake.asked[0].body["deploy"]) == (0, False)
    assert plain.out.splitlines() == [
        "pr-7 is a clone of shop, on review-stack.",
        "  ✓ review-stack  succeeded: nothing is there",
    ]
    assert (json.json["app"], json.json["left_out"], json.json["rollout"]) == ("pr-7", [], None)
    assert json.json["command"]["type"] == "AppCloned"


@pytest.mark.parametrize(
    ("options", "chosen"),
    [(("--without-config",), {"config": False}), (("--with-secrets",), {"secrets": True}), (("--deploy",), {})],
)
def test_what_is_chosen_of_the_config_is_sent(
    fake: Fake, ownstack: Run, options: tuple[str, ...], chosen: dict[str, bool]
) -> None:
    fake.on("POST", "/apps/shop/clones", cloned(status="accepted"))
    ended = ownstack(*CLONE, *options, "--no-wait")
    assert (ended.code, ended.out) == (0, "Sent: AppCloned c1\n")
    assert {name: fake.asked[0].body[name] for name in ("config", "secrets")} == {
        "config": True,
        "secrets": False,
        **chosen,
    }


def test_what_was_left_out_is_said_before_anything_runs_and_how_to_give_it(fake: Fake, ownstack: Run) -> None:
    deploying(fake, "succeeded", "DATABASE_URL", "SMTP_PASSWORD")
    plain, json = ownstack(*CLONE, "--deploy"), ownstack(*CLONE, "--deploy", "--json")
    assert plain.out.splitlines()[0] == "Left out, as secrets of production: DATABASE_URL, SMTP_PASSWORD"
    assert "ownstack config:set pr-7 DATABASE_URL=…" in plain.err
    assert "ownstack config:set shop --review DATABASE_URL=…" in plain.err
    assert "--with-secrets" in plain.err
    assert json.json["left_out"] == ["DATABASE_URL", "SMTP_PASSWORD"]
    assert (json.json["rollout"]["status"], json.err) == ("succeeded", "")


def test_a_clone_whose_deployment_fails_is_there_and_the_command_fails(fake: Fake, ownstack: Run) -> None:
    deploying(fake, "failed")
    plain, json = ownstack(*CLONE, "--deploy"), ownstack(*CLONE, "--deploy", "--json")
    assert (plain.code, json.code, json.json["rollout"]["status"]) == (1, 1, "failed")
    assert "pr-7 is there all the same; to be rid of it: ownstack app destroy pr-7 --force" in plain.err


def test_ctrl_c_while_a_clone_is_deployed_says_how_to_see_it(
    fake: Fake, ownstack: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    deploying(fake, "running")
    monkeypatch.setattr("ownstack.client.Client.follow", interrupted)
    ended = ownstack(*CLONE, "--deploy")
    assert (ended.code, "ownstack app info pr-7" in ended.err) == (130, True)


def test_a_name_that_is_taken_is_refused(fake: Fake, ownstack: Run) -> None:
    fake.on("POST", "/apps/shop/clones", problem(409, "app-exists", "There is an app pr-7 already."))
    assert (ownstack(*CLONE, "--deploy").code, len(fake.asked)) == (3, 1)


@pytest.mark.parametrize(
    "arguments",
    [
        ("app", "clone", "shop", "pr-7"),
        ("app", "clone", "shop", "--stack", "s"),
        ("app", "clone", "../x", "pr-7", "--stack", "s"),
        (*CLONE, "--without-config", "--with-secrets"),
    ],
)
def test_a_clone_that_makes_no_sense_is_not_sent(fake: Fake, ownstack: Run, arguments: tuple[str, ...]) -> None:
    assert (ownstack(*arguments).code, fake.asked) == (2, [])


def destroyed(fake: Fake) -> None:
    fake.on("DELETE", "/apps/pr-7", admitted("AppDestroyed"))
    fake.on("GET", "/history", page())


def test_whoever_forces_a_destruction_is_not_asked_also_on_a_terminal(
    fake: Fake, ownstack: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal("no\n"))
    destroyed(fake)
    ended = ownstack("app", "destroy", "pr-7", "--force")
    assert (ended.code, ended.err, ended.out) == (0, "", "pr-7 is no app any more.\n")


@pytest.mark.parametrize(("typed", "code", "methods"), [("pr-7\n", 0, ["DELETE", "GET"]), ("shop\n", 2, [])])
def test_whoever_does_not_types_its_name(
    fake: Fake, ownstack: Run, monkeypatch: pytest.MonkeyPatch, typed: str, code: int, methods: list[str]
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(typed))
    destroyed(fake)
    ended = ownstack("app", "destroy", "pr-7")
    assert (ended.code, [asked.method for asked in fake.asked]) == (code, methods)
    assert (
        "pr-7 will be removed from all its stacks, and is gone here. Its config can never be read again." in ended.err
    )


def test_where_nobody_can_be_asked_nothing_is_done_and_that_is_said(fake: Fake, ownstack: Run) -> None:
    ended = ownstack("app", "destroy", "pr-7")
    assert (ended.code, fake.asked) == (2, [])
    assert ended.err.splitlines() == [
        "error: Nothing was done: it has to be confirmed, and nobody can be asked here.",
        "hint: With --force it is done: pr-7 will be removed from all its stacks, and is gone here. "
        "Its config can never be read again.",
    ]


SHA = "1f0c9ab" + "0" * 33
REVIEW = {"production": "shop", "number": 7, "sha": SHA, "expires_at": 86_400_000_000, "closing": False}
REVIEWED = {**APP, "name": "shop-pr-7", "pipeline": None, "cloned_from": "shop", "review": REVIEW}
CLONED = {**APP, "name": "pr-9", "pipeline": None, "cloned_from": "shop", "review": None}


def test_apps_say_what_they_were_made_of_and_when_they_go(fake: Fake, ownstack: Run) -> None:
    closing = {**REVIEWED, "name": "shop-pr-8", "review": {**REVIEW, "number": 8, "expires_at": None, "closing": True}}
    fake.on("GET", "/apps", page(APP, REVIEWED, CLONED, closing))
    fake.on("GET", "/apps/shop-pr-7", ok(REVIEWED))
    listed = ownstack("app", "list").out.splitlines()
    assert listed[1].rstrip().endswith("shop      —")
    assert "review app of shop, pull request 7 at 1f0c9ab, goes 1972-" in listed[2]
    assert listed[3].rstrip().endswith("clone of shop")
    assert "pull request 8 at 1f0c9ab, goes once nothing of it is under way" in listed[4]
    assert "review app of shop, pull request 7 at 1f0c9ab, goes 1972-" in ownstack("app", "info", "shop-pr-7").out


def test_a_stack_that_runs_with_the_config_from_before_is_said_to(fake: Fake, ownstack: Run) -> None:
    app = {**APP, "stacks": [{**APP["stacks"][0], "config_outdated": True}]}  # type: ignore[index]
    fake.on("GET", "/apps", page(app))
    fake.on("GET", "/apps/shop", ok(app))
    assert "config outdated" in ownstack("app", "list").out
    assert "with its config from before" in ownstack("app", "info", "shop").out
