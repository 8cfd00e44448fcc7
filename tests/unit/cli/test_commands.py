"""Commands against a fake server: what is sent, what is printed, and how they end."""

from __future__ import annotations

import re
from importlib.metadata import version
from typing import Any

import pytest
from tests.unit.cli.conftest import Run
from tests.unit.cli.fake import TOKEN, Answer, Fake, accepted, admitted, fact, ok, page, problem, stream

IMAGE = "shop@sha256:" + "a" * 64


def rollout(status: str = "running", **more: Any) -> dict[str, Any]:
    stacks = more.pop("states", {"eu-1": "pending", "us-1": "pending"})
    return {
        "id": "c1",
        "kind": "promotion",
        "app": "shop",
        "status": status,
        "release": 3,
        "image": IMAGE,
        "digest": IMAGE.partition("@")[2],
        "source": "shop-staging",
        "source_release": 5,
        "behind": None,
        "requester": "token:test",
        "requested_at": 1_000,
        "started_at": 1_000,
        "ended_at": None if status == "running" else 3_500,
        "message": None,
        "postdeploys": [],
        "stacks": [
            {"stack": s, "state": state, "attempt": 1, "started_at": None, "ended_at": None, "message": None}
            for s, state in stacks.items()
        ],
        **more,
    }


def deployed(stack: str, first: int) -> list[dict[str, Any]]:
    about = {"stack": stack, "app": "shop", "job": f"c1.{stack}.1"}
    return [
        fact(first, "StackDeployRequested", rollout="c1", deployment=f"c1.{stack}", **about),
        fact(first + 1, "ReleaseTaskStarted", run="r", **about),
        fact(first + 2, "StackDeploySucceeded", run="r", **about),
    ]


class TestAPromotion:
    """The main job."""

    def promoted(self, fake: Fake, status: str, *facts: dict[str, Any], **more: Any) -> None:
        fake.on("POST", "/apps/shop-staging/promotions", admitted("PromotionRequested", 10, "c1"))
        fake.on("GET", "/rollouts/c1", ok(rollout()), ok(rollout(status, **more)))
        fake.on("GET", "/events", stream(*facts))

    def test_it_waits_for_every_stack_and_ends_well(self, fake: Fake, ownstack: Run) -> None:
        facts = [*deployed("eu-1", 11), *deployed("us-1", 14), fact(17, "PromotionSucceeded", promotion="c1")]
        self.promoted(fake, "succeeded", *facts)
        ended = ownstack("app", "pipeline", "promote", "shop-staging")
        assert ended.code == 0
        assert "shop v3 aaaaaaa, promoted from shop-staging v5" in ended.out
        assert re.findall(r"(\S+)  (release task|succeeded)", ended.out) == [
            ("eu-1", "release task"),
            ("eu-1", "succeeded"),
            ("us-1", "release task"),
            ("us-1", "succeeded"),
        ]
        assert "succeeded in 2.5s" in ended.out

    def test_the_events_after_the_command_are_asked_for(self, fake: Fake, ownstack: Run) -> None:
        self.promoted(fake, "succeeded", fact(17, "PromotionSucceeded", promotion="c1"))
        ownstack("app", "pipeline", "promote", "shop-staging")
        assert fake.to("/events")[0].headers["Last-Event-ID"] == "10"

    def test_a_stack_that_fails_makes_it_fail_and_says_how_to_try_again(self, fake: Fake, ownstack: Run) -> None:
        failed = fact(
            11,
            "StackDeployFailed",
            stack="us-1",
            job="c1.us-1.1",
            phase="release-task",
            code="exit-1",
            message="No space.",
        )
        end = fact(12, "PromotionPartiallySucceeded", promotion="c1")
        states = {"eu-1": "succeeded", "us-1": "failed"}
        self.promoted(fake, "partially-succeeded", failed, end, states=states, message="It did not come to us-1.")
        ended = ownstack("app", "pipeline", "promote", "shop-staging")
        assert ended.code == 1
        assert "us-1  failed: No space." in ended.out
        assert "partially succeeded in 2.5s: It did not come to us-1." in ended.out
        assert "ownstack retry shop --stack us-1" in ended.err

    def test_how_to_try_again_is_said_once_for_all_stacks(self, fake: Fake, ownstack: Run) -> None:
        end = fact(12, "PromotionFailed", promotion="c1")
        self.promoted(fake, "failed", end, states={"eu-1": "expired", "us-1": "failed", "ap-1": "succeeded"})
        ended = ownstack("app", "pipeline", "promote", "shop-staging")
        told = "try again on eu-1 and us-1, one by one: ownstack retry shop --stack STACK"
        assert [line for line in ended.err.splitlines() if "again" in line] == [told]

    def test_one_that_ended_before_anything_was_shown_still_says_why_on_every_stack(
        self, fake: Fake, ownstack: Run
    ) -> None:
        failed = rollout("failed", states={"eu-1": "succeeded", "us-1": "failed"}, message="It did not come to us-1.")
        failed["stacks"][1]["message"] = "No look:\n  no route."
        fake.on("POST", "/apps/shop-staging/promotions", admitted("PromotionRequested", 10, "c1"))
        fake.on("GET", "/rollouts/c1", ok(failed))
        ended = ownstack("app", "pipeline", "promote", "shop-staging")
        assert (ended.code, fake.to("/events")) == (1, [])
        assert ended.out.splitlines()[1:] == [
            "  ✓ eu-1  succeeded",
            "  ✗ us-1  failed: No look: | no route.",
            "failed in 2.5s: It did not come to us-1.",
        ]

    def test_a_stack_of_which_no_fact_told_the_end_is_told_of_in_the_end(self, fake: Fake, ownstack: Run) -> None:
        facts = [*deployed("eu-1", 11), fact(14, "PromotionPartiallySucceeded", promotion="c1")]
        self.promoted(fake, "partially-succeeded", *facts, states={"eu-1": "succeeded", "us-1": "failed"})
        ended = ownstack("app", "pipeline", "promote", "shop-staging")
        assert re.findall(r"(\S+)  (succeeded|failed)", ended.out) == [("eu-1", "succeeded"), ("us-1", "failed")]

    def test_facts_about_others_are_not_shown(self, fake: Fake, ownstack: Run) -> None:
        other = fact(11, "ReleaseTaskStarted", stack="ap-9", job="c2.ap-9.1")
        self.promoted(fake, "succeeded", other, fact(12, "PromotionSucceeded", promotion="c1"))
        assert "ap-9" not in ownstack("app", "pipeline", "promote", "shop-staging").out

    def test_one_that_has_ended_already_is_not_followed(self, fake: Fake, ownstack: Run) -> None:
        fake.on("POST", "/apps/shop-staging/promotions", admitted("PromotionRequested", 10, "c1"))
        fake.on("GET", "/rollouts/c1", ok(rollout("succeeded")))
        assert ownstack("app", "pipeline", "promote", "shop-staging", "--id", "c1").code == 0
        assert fake.to("/events") == []
        assert fake.asked[0].headers["Idempotency-Key"] == "c1"

    def test_json_is_one_document_the_rollout_in_the_end(self, fake: Fake, ownstack: Run) -> None:
        self.promoted(fake, "succeeded", fact(17, "PromotionSucceeded", promotion="c1"))
        ended = ownstack("app", "pipeline", "promote", "shop-staging", "--json")
        assert (ended.json["status"], ended.err) == ("succeeded", "")

    def test_nobody_waits_who_does_not_want_to(self, fake: Fake, ownstack: Run) -> None:
        fake.on("POST", "/apps/shop-staging/promotions", accepted("PromotionRequested"))
        ended = ownstack("app", "pipeline", "promote", "shop-staging", "--no-wait")
        assert (ended.code, ended.out) == (0, "Sent: PromotionRequested c1\n")

    def test_what_is_chosen_is_sent(self, fake: Fake, ownstack: Run) -> None:
        fake.on("POST", "/apps/s/promotions", accepted("PromotionRequested"))
        ownstack(
            "app",
            "pipeline",
            "promote",
            "s",
            "--release",
            "v4",
            "--stack",
            "a",
            "--stack",
            "b",
            "--redeploy",
            "--no-wait",
        )
        assert fake.asked[0].body == {"release": 4, "stacks": ["a", "b"], "redeploy": True}

    def test_ctrl_c_says_that_it_goes_on_and_how_to_see_it(
        self, fake: Fake, ownstack: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def interrupted(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        self.promoted(fake, "running")
        monkeypatch.setattr("ownstack.client.Client.follow", interrupted)
        ended = ownstack("app", "pipeline", "promote", "shop-staging")
        assert ended.code == 130
        assert "It goes on without you. To see how: ownstack promotion info c1" in ended.err


def test_a_rejected_command_says_why_and_what_to_do(fake: Fake, ownstack: Run) -> None:
    fake.on("POST", "/pipelines", problem(409, "app-in-pipeline", "shop is a stage already.", "ownstack app info shop"))
    ended = ownstack("app", "pipeline", "create", "shop")
    assert (ended.code, ended.out) == (3, "")
    assert ended.err == "error: shop is a stage already.\nhint: ownstack app info shop\n"


def test_a_rejected_command_is_json_on_stderr_when_json_is_wanted(fake: Fake, ownstack: Run) -> None:
    command = {"id": "c1", "status": "rejected"}
    fake.on("POST", "/pipelines", problem(409, "app-in-pipeline", "It is.", "Do.", command=command))
    ended = ownstack("app", "pipeline", "create", "shop", "--json")
    told = {"code": "app-in-pipeline", "message": "It is.", "hint": "Do.", "exit": 3, "status": 409, "command": command}
    assert (ended.code, ended.out, ended.error) == (3, "", told)


def test_what_the_server_can_not_read_is_a_usage_error_that_says_where(fake: Fake, ownstack: Run) -> None:
    errors = [{"field": "body.name", "message": "should match the pattern"}]
    fake.on("POST", "/stacks", problem(422, "invalid-request", "It does not hold.", errors=errors))
    ended = ownstack("stack", "add", "eu-1")
    assert (ended.code, ended.err) == (2, "error: It does not hold.\n  name: should match the pattern\n")


def test_a_single_error_is_said_once_in_words_for_people(fake: Fake, ownstack: Run) -> None:
    errors = [{"field": "body.image", "message": "Value error, it is an image with a tag"}]
    said = "body.image: Value error, it is an image with a tag."
    fake.on("POST", "/stacks", problem(422, "invalid-request", said, errors=errors))
    plain, json = ownstack("stack", "add", "eu-1"), ownstack("stack", "add", "eu-1", "--json")
    assert plain.err == "error: image: it is an image with a tag.\n"
    assert (json.error["message"], json.error["errors"]) == (said, errors)


def test_of_several_errors_each_is_said(fake: Fake, ownstack: Run) -> None:
    errors = [{"field": f"body.{name}", "message": "is wrong"} for name in "ab"]
    fake.on("POST", "/stacks", problem(422, "invalid-request", "body.a: is wrong.", errors=errors))
    assert ownstack("stack", "add", "eu-1").err == "error: a: is wrong.\n  a: is wrong\n  b: is wrong\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ("nope",),
        ("app", "create"),
        ("deploy", "shop"),
        ("retry", "shop"),
        ("retry", "shop", "--stack", "a", "--postdeploy"),
        ("app", "settings", "shop"),
        ("app", "destroy", "shop"),
        ("app", "pipeline", "promote", "shop", "--release", "latest"),
        ("stack", "add", "a", "--set", "home"),
        ("history", "--limit", "0"),
        ("up", "--port", "70000"),
        ("up", "--team", "Not A Team"),
        ("login",),
        ("app", "create", "\udcff"),
        ("deploy", "shop", "--image", "\udcff"),
    ],
)
def test_a_command_line_that_makes_no_sense_is_not_sent(fake: Fake, ownstack: Run, arguments: tuple[str, ...]) -> None:
    plain, json = ownstack(*arguments), ownstack(*arguments, "--json")
    assert (plain.code, json.code, fake.asked) == (2, 2, [])
    assert plain.err.startswith("error: ")
    assert (json.out, json.error["code"]) == ("", "usage")


def test_it_says_which_version_it_is(ownstack: Run) -> None:
    ended = ownstack("--version")
    assert (ended.code, ended.out, ended.err) == (0, f"ownstack {version('ownstack')}\n", "")


def test_line_breaks_in_a_message_are_shown_alike_everywhere(fake: Fake, ownstack: Run) -> None:
    said = "one\ntwo\n"
    stack = {"stack": "us-1", "status": "nothing", "summary": "nothing deployed", "message": said, "live": None}
    fake.on("GET", "/apps/shop", ok({**APP, "stacks": [stack]}))
    fake.on("GET", "/history", page({"sequence": 9, "event": fact(9, "StackDeployFailed", message=said)}))
    assert "one | two" in ownstack("app", "info", "shop").out
    assert "message=one | two by" in ownstack("history").out


def test_a_group_without_a_command_shows_its_help(ownstack: Run) -> None:
    ended = ownstack("app", "pipeline")
    assert (ended.code, "promote" in ended.err) == (2, True)


def test_help_is_no_error(ownstack: Run) -> None:
    ended = ownstack("deploy", "--help")
    assert ended.code == 0
    assert all(
        option in ended.out for option in ("--image", "--stack", "--redeploy", "--no-wait", "--json", "--profile")
    )


def test_without_any_server_it_says_how_to_get_one(ownstack: Run) -> None:
    ended = ownstack("app", "list")
    assert (ended.code, "ownstack up" in ended.err, "ownstack login" in ended.err) == (4, True, True)


APP = {
    "name": "shop",
    "id": "shop.1",
    "created_at": 1,
    "summary": "shop — deployed v3 aaaaaaa",
    "current_release": 3,
    "pipeline": "shop",
    "rollout": None,
    "queue": [],
    "settings": {
        "release_task": "each-stack",
        "postdeploy": "once-per-app",
        "waiting_deadline": 900,
        "running_deadline": 600,
    },
    "stacks": [
        {
            "stack": "eu-1",
            "status": "live",
            "summary": "deployed v3 aaaaaaa",
            "message": None,
            "live": {"digest": "sha256:" + "a" * 64, "at": 1},
        },
        {"stack": "us-1", "status": "nothing", "summary": "nothing deployed", "message": "No route.", "live": None},
    ],
}
STACK = {"name": "eu-1", "driver": "noop", "address": "", "settings": {"a": "b"}, "added_at": 1, "apps": ["shop"]}
STAGE = {"app": "shop", "summary": "shop — deployed v3", "stacks": APP["stacks"], "promotion": "c1"}
RELEASE = {
    "number": 3,
    "digest": "sha256:" + "a" * 64,
    "origin": "promotion",
    "source_app": "shop-staging",
    "source_release": 5,
    "created_at": 1,
    "live_on": ["eu-1"],
    "image": IMAGE,
}
TOKEN_VIEW = {"name": "ci", "id": "t1", "actor": "token:ci", "ending": "wxyz", "created_at": 1, "revoked_at": None}
LINE = {"cursor": 4, "stack": "eu-1", "phase": "restart", "at": 1, "text": "up\x1b[2J and running"}
EVENT = fact(9, "AppCreated", app="shop")

QUERIES = [
    (("app", "list"), "/apps", page(APP), ("shop", "deployed v3 aaaaaaa", "eu-1, us-1")),
    (("app", "info", "shop"), "/apps/shop", ok(APP), ("once-per-app", "eu-1", "nothing deployed", "No route.")),
    (("stack", "list"), "/stacks", page(STACK), ("eu-1", "noop", "shop")),
    (("stack", "info", "eu-1"), "/stacks/eu-1", ok(STACK), ("a=b", "shop")),
    (
        ("app", "pipeline", "list"),
        "/pipelines",
        page({"production": "shop", "stages": [{**STAGE, "app": "shop-staging"}, STAGE]}),
        ("shop-staging → shop",),
    ),
    (
        ("app", "pipeline", "info", "shop"),
        "/pipelines/shop",
        ok({"production": "shop", "created_at": 1, "stages": [STAGE]}),
        ("deployed v3", "c1"),
    ),
    (("promotion", "list"), "/promotions", page(rollout("succeeded")), ("shop-staging v5", "shop v3", "succeeded")),
    (
        ("promotion", "info", "c1"),
        "/promotions/c1",
        ok(rollout("failed", states={"eu-1": "failed"}, message="Why.")),
        ("failed: Why.", "eu-1"),
    ),
    (("release", "list", "shop"), "/apps/shop/releases", page(RELEASE), ("v3", "shop-staging v5", "eu-1")),
    (("token", "list"), "/tokens", page(TOKEN_VIEW), ("ci", "…wxyz", "valid")),
    (("logs", "shop"), "/apps/shop/logs", page(LINE), ("eu-1  restart  up\\x1b[2J and running",)),
    (
        ("app", "info", "shop"),
        "/apps/shop",
        ok({**APP, "stacks": []}),
        ("shop", "deployed v3 aaaaaaa"),
    ),
    (("history",), "/history", page({"sequence": 9, "event": EVENT}), ("AppCreated  app=shop by token:test",)),
]


@pytest.mark.parametrize(("arguments", "path", "answer", "shown"), QUERIES, ids=lambda value: str(value)[:30])
def test_a_query_is_shown_to_people_and_printed_for_programs(
    fake: Fake, ownstack: Run, arguments: tuple[str, ...], path: str, answer: Answer, shown: tuple[str, ...]
) -> None:
    fake.on("GET", path, answer)
    fake.on("GET", "/apps", page(APP))  # a pipeline shows how its apps stand, too
    plain, json = ownstack(*arguments), ownstack(*arguments, "--json")
    assert (plain.code, json.code, plain.err, json.err) == (0, 0, "", "")
    assert [text for text in shown if text not in plain.out] == []
    whole = answer.body.get("items", answer.body)
    assert json.json == ([EVENT] if arguments == ("history",) else whole)


@pytest.mark.parametrize(("arguments", "path"), [q[:2] for q in QUERIES if "items" in q[2].body], ids=str)
def test_an_empty_list_is_no_error(fake: Fake, ownstack: Run, arguments: tuple[str, ...], path: str) -> None:
    fake.on("GET", path, page())
    assert (ownstack(*arguments).code, ownstack(*arguments, "--json").json) == (0, [])


COMMANDS = [
    (("stack", "add", "eu-1", "--driver", "noop", "--set", "a=b=c"), "POST", "/stacks",
     {"name": "eu-1", "driver": "noop", "address": "", "settings": {"a": "b=c"}}),
    (("stack", "remove", "eu-1"), "DELETE", "/stacks/eu-1", None),
    (("app", "settings", "shop", "--postdeploy", "each-stack"), "PATCH", "/apps/shop/settings",
     {"postdeploy": "each-stack"}),
    (("app", "pipeline", "create", "shop"), "POST", "/pipelines", {"production": "shop"}),
    (("app", "pipeline", "remove", "shop"), "DELETE", "/pipelines/shop", None),
    (("app", "pipeline", "add-staging", "shop", "qa", "--before", "pre"), "POST", "/pipelines/shop/stages",
     {"staging": "qa", "before": "pre"}),
    (("app", "pipeline", "remove-stage", "shop", "qa"), "DELETE", "/pipelines/shop/stages/qa", None),
    (("promotion", "cancel", "c1"), "POST", "/promotions/c1/cancel", None),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "method", "path", "body"), COMMANDS, ids=lambda value: str(value)[:40])
def test_a_command_is_sent_as_its_route_wants_it(
    fake: Fake, ownstack: Run, arguments: tuple[str, ...], method: str, path: str, body: Any
) -> None:
    fake.on(method, path, admitted())
    plain, json = ownstack(*arguments), ownstack(*arguments, "--json")
    assert (plain.code, json.code, json.json["status"]) == (0, 0, "admitted")
    assert (fake.asked[0].method, fake.asked[0].body, plain.err) == (method, body, "")


def test_forgetting_a_stack_is_said_in_the_query(fake: Fake, ownstack: Run) -> None:
    fake.on("DELETE", "/stacks/eu-1", admitted())
    ownstack("stack", "remove", "eu-1", "--forget")
    assert fake.asked[0].query == "forget=true"


def looked_for(fake: Fake, *facts: dict[str, Any]) -> None:
    asked = fact(8, "StackLookRequested", app="shop", stack="eu-1", job="j1")
    fake.on("GET", "/history", page(*({"sequence": f["sequence"], "event": f} for f in (fact(7, "AppCreated"), asked))))
    fake.on("GET", "/events", stream(*facts))


def test_creating_an_app_tells_what_was_found_on_its_stacks(fake: Fake, ownstack: Run) -> None:
    fake.on("POST", "/apps", admitted("AppCreated"))
    looked_for(fake, fact(9, "StackObserved", job="j1", stack="eu-1", live={"image": IMAGE}))
    ended = ownstack("app", "create", "shop", "--stack", "eu-1")
    assert ended.code == 0
    assert f"✓ eu-1  succeeded: found {IMAGE}" in ended.out


def test_a_stack_that_could_not_be_looked_at_does_not_make_its_app_fail(fake: Fake, ownstack: Run) -> None:
    fake.on("PUT", "/apps/shop/stacks/eu-1", admitted("AppStackAdded"))
    looked_for(fake, fact(9, "StackLookFailed", job="j1", stack="eu-1", code="c", message="No route."))
    ended = ownstack("app", "add-stack", "shop", "eu-1")
    assert (ended.code, "failed: No route." in ended.out) == (0, True)


def test_destroying_waits_for_the_stacks_and_fails_if_something_is_left_behind(fake: Fake, ownstack: Run) -> None:
    fake.on("DELETE", "/apps/shop", admitted("AppDestroyed"))
    asked = [fact(8 + n, "StackAppRemovalRequested", stack=s, job=s) for n, s in enumerate(("eu-1", "us-1"))]
    fake.on("GET", "/history", page(*({"sequence": f["sequence"], "event": f} for f in asked)))
    left = fact(11, "StackAppLeftBehind", stack="us-1", job="us-1", code="gone", message="It was unreachable.")
    fake.on("GET", "/events", stream(fact(10, "StackAppRemoved", stack="eu-1", job="eu-1"), left))
    ended = ownstack("app", "destroy", "shop", "--force")
    assert ended.code == 1
    assert "✓ eu-1  succeeded: removed" in ended.out
    assert "✗ us-1  failed: It was unreachable." in ended.out
    assert "may still run" in ended.err


def retried(fake: Fake, state: str, *facts: dict[str, Any]) -> None:
    asked = fact(8, "StackDeployRequested", app="shop", stack="us-1", job="c1.us-1.2", deployment="c1.us-1")
    fake.on("POST", "/apps/shop/retries", admitted("StackRetryRequested"))
    fake.on("GET", "/history", page({"sequence": 8, "event": asked}))
    fake.on("GET", "/events", stream(*facts))
    said = {"message": facts[-1]["data"].get("message")}
    fake.on("GET", "/deployments/c1.us-1", ok({"stack": "us-1", "state": state, **said}))


def test_a_retry_waits_for_its_own_attempt(fake: Fake, ownstack: Run) -> None:
    old = fact(9, "StackDeployFailed", stack="us-1", job="c1.us-1.1", code="x", message="The first one, late.")
    retried(fake, "succeeded", old, fact(10, "StackDeploySucceeded", stack="us-1", job="c1.us-1.2"))
    ended = ownstack("retry", "shop", "--stack", "us-1")
    assert (ended.code, "late" in ended.out, "us-1 succeeded" in ended.out) == (0, False, True)


def test_a_retry_that_fails_again_fails(fake: Fake, ownstack: Run) -> None:
    retried(fake, "failed", fact(10, "StackDeployFailed", stack="us-1", job="c1.us-1.2", code="x", message="Still."))
    ended = ownstack("retry", "shop", "--stack", "us-1", "--json")
    assert (ended.code, ended.json[0]["state"]) == (1, "failed")


def test_why_a_retry_failed_is_said_once(fake: Fake, ownstack: Run) -> None:
    retried(fake, "failed", fact(10, "StackDeployFailed", stack="us-1", job="c1.us-1.2", code="x", message="Still."))
    lines = ownstack("retry", "shop", "--stack", "us-1").out.splitlines()
    assert lines[-2:] == ["  ✗ us-1  failed: Still.", "us-1 failed"]


def test_a_new_token_is_printed_alone_so_that_a_script_can_take_it(fake: Fake, ownstack: Run) -> None:
    fake.on("POST", "/tokens", Answer(201, {"secret": "own_new", "token": TOKEN_VIEW}))
    ended = ownstack("token", "add", "ci")
    assert (ended.out, "shown once" in ended.err) == ("own_new\n", True)


def test_a_token_is_revoked_by_its_name(fake: Fake, ownstack: Run) -> None:
    fake.on("GET", "/tokens", page({**TOKEN_VIEW, "id": "t0", "revoked_at": 5}, TOKEN_VIEW))
    fake.on("DELETE", "/tokens/t1", ok(TOKEN_VIEW))
    assert ownstack("token", "revoke", "ci").code == 0
    assert [a.path for a in fake.asked if a.method == "DELETE"] == ["/api/v1/tokens/t1"]


def test_a_token_that_is_not_there_can_not_be_revoked(fake: Fake, ownstack: Run) -> None:
    fake.on("GET", "/tokens", page())
    assert ownstack("token", "revoke", "ci").code == 3


def test_login_keeps_what_it_has_tried(fake: Fake, ownstack: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    fake.on("GET", "/me", ok({"team": "acme", "token": "t1", "actor": "token:me"}))
    ended = ownstack("login", f"{fake.url}/")
    assert (ended.code, TOKEN in ended.out + ended.err) == (0, False)
    monkeypatch.delenv("OWNSTACK_URL")
    monkeypatch.delenv("OWNSTACK_TOKEN")
    fake.on("GET", "/apps", page())
    assert ownstack("app", "list", "--profile", "acme").code == 0
    assert fake.asked[-1].headers["Authorization"] == f"Bearer {TOKEN}"


def test_login_with_a_token_that_is_not_valid_keeps_nothing(fake: Fake, ownstack: Run) -> None:
    fake.on("GET", "/me", problem(401, "token-unknown", "This token is not known here."))
    assert ownstack("login", fake.url).code == 4
    assert ownstack("app", "list", "--profile", "acme").code == 2


def test_history_that_is_followed_goes_on_after_the_last_fact_and_prints_lines(fake: Fake, ownstack: Run) -> None:
    fake.on("GET", "/history", page({"sequence": 9, "event": EVENT}))
    fake.on("GET", "/events", stream(fact(10, "AppDestroyed", app="shop")), problem(401, "token-unknown", "Revoked."))
    ended = ownstack("history", "--follow", "--json")
    assert [line.partition('"type":"')[2].partition('"')[0] for line in ended.out.splitlines()] == [
        "AppCreated",
        "AppDestroyed",
    ]
    assert (ended.code, fake.to("/events")[0].headers["Last-Event-ID"]) == (4, "9")


def test_history_is_shown_the_newest_last(fake: Fake, ownstack: Run) -> None:
    fake.on("GET", "/history", page(*({"sequence": n, "event": fact(n, "A")} for n in (3, 2, 1))))
    assert [line.split()[0] for line in ownstack("history").out.splitlines()] == ["1", "2", "3"]


@pytest.mark.parametrize("name", ["../tokens", "; rm -rf /", "..", ""])
@pytest.mark.parametrize("command", [("app", "info"), ("app", "pipeline", "promote"), ("logs",), ("history", "--app")])
def test_what_no_name_can_be_is_said_and_not_sent(
    fake: Fake, ownstack: Run, command: tuple[str, ...], name: str
) -> None:
    ended = ownstack(*command, name)
    assert (ended.code, fake.asked) == (2, [])
    assert ended.err.startswith(f"error: '{name}' is no name: lower case letters, digits and hyphens, at most 63.\n")


@pytest.mark.parametrize("id", ["../tokens", "..", ""])
def test_what_no_id_can_be_is_not_sent(fake: Fake, ownstack: Run, id: str) -> None:
    ended = ownstack("promotion", "info", id)
    assert (ended.code, fake.asked) == (2, [])


@pytest.mark.parametrize(
    "arguments",
    [
        ("app", "create", "PR 2"),
        ("app", "create", "shop", "--stack", "eu-1", "--stack", "PR 2"),
        ("app", "clone", "shop", "PR 2", "--stack", "eu-1"),
        ("app", "clone", "shop", "pr-2", "--stack", "PR 2"),
        ("stack", "add", "PR 2"),
        ("config:set", "shop", "A=1", "--stack", "PR 2"),
        ("config:push", "--file", "-", "--app", "PR 2"),
        ("deploy", "shop", "--image", "shop:v1", "--stack", "PR 2"),
    ],
)
def test_the_name_of_an_app_or_a_stack_that_can_be_none_is_said_with_one_that_can(
    fake: Fake, ownstack: Run, arguments: tuple[str, ...]
) -> None:
    plain, json = ownstack(*arguments), ownstack(*arguments, "--json")
    said = "'PR 2' is no name: lower case letters, digits and hyphens, at most 63."
    assert (plain.code, plain.err, fake.asked) == (2, f"error: {said}\nhint: Such as pr-2.\n", [])
    assert json.error == {"code": "name-invalid", "message": said, "hint": "Such as pr-2.", "exit": 2}


def test_a_value_where_a_name_belongs_is_not_repeated(fake: Fake, ownstack: Run) -> None:
    ended = ownstack("config:set", "API_KEY=s3cret", "shop")
    assert (ended.code, "s3cret" in ended.err, "hint: Such as api-key." in ended.err) == (2, False, True)


@pytest.mark.parametrize("image", ["", "Shop:v1", "shop:v1@sha256:abc", "shop:", "https://ghcr.io/shop", "a" * 601])
def test_what_no_image_can_be_is_not_sent(fake: Fake, ownstack: Run, image: str) -> None:
    ended = ownstack("deploy", "shop", "--image", image)
    assert (ended.code, fake.asked, "is no reference of an image" in ended.err) == (2, [], True)
