"""The circle as users have it: a house, two terminals, promotions that are watched, left, cancelled and tried again."""

from __future__ import annotations

import signal
import sys
import threading
from typing import Any

import httpx
import orjson
import pytest
from tests.e2e.house import House, until

from ownstack.demo import url_of

EU, US = ("shop", "eu-1"), ("shop", "us-1")
LONG = "x" * 64
NOBODY = "shop@sha256:" + "0" * 64


@pytest.fixture
def locked(house: House) -> Any:
    """The release task of shop on us-1 waits until the test ends it."""
    mark = house.mark(US, "locked")
    mark.touch()
    yield mark
    mark.unlink(missing_ok=True)


def redeploy(house: House) -> tuple[str, ...]:
    return "deploy", "shop", "--image", house.image("shop", 1), "--redeploy"


def test_visitors_notice_nothing_of_a_promotion_but_the_new_version(house: House) -> None:
    house.right("deploy", "shop-staging", "--image", house.image("shop", 3))
    url, answers, stop = url_of(house.home, EU), [], threading.Event()

    def visit() -> None:
        while not stop.is_set():
            answers.append(httpx.get(url, timeout=10, trust_env=False).json()["version"])

    visitor = threading.Thread(target=visit)
    visitor.start()
    house.right("app", "pipeline", "promote", "shop-staging")
    stop.set()
    visitor.join()
    assert (set(answers), answers == sorted(answers)) == ({1, 3}, True)


def test_ctrl_c_leaves_a_rollout_that_goes_on_and_can_be_seen(house: House, locked: Any) -> None:
    house.right("deploy", "shop-staging", "--image", house.image("shop", 4))
    with house.running("app", "pipeline", "promote", "shop-staging", "--id", "left") as promote:
        assert promote.stdout is not None
        assert promote.stderr is not None
        until(promote.stdout, "us-1  release task")
        promote.send_signal(signal.SIGINT)
        assert promote.wait(30) == 130
        assert "To see how: ownstack promotion info left" in promote.stderr.read()
    assert house.right("promotion", "info", "left", "--json").json["status"] == "running"
    locked.unlink()
    again = house.right("app", "pipeline", "promote", "shop-staging", "--id", "left", "--json").json
    assert (again["id"], again["status"]) == ("left", "succeeded")
    assert house.answer(US)["version"] == 4


def test_a_second_terminal_sees_what_happens_as_it_happens(house: House) -> None:
    with house.running("history", "--follow", "--json", "--limit", "1") as second:
        assert second.stdout is not None
        second.stdout.readline()
        house.right(*redeploy(house), "--stack", "eu-1", "--id", "seen")
        seen = [orjson.loads(line) for line in until(second.stdout, "DeploySucceeded")]
    types = [fact["type"] for fact in seen]
    assert types[:2] == ["DeployRequested", "DeployOpened"]
    assert [t for t in types if t.startswith(("ReleaseTask", "Restart", "StackDeploySucc"))] == [
        "ReleaseTaskStarted",
        "ReleaseTaskSucceeded",
        "RestartStarted",
        "StackDeploySucceeded",
    ]
    sequences = [fact["sequence"] for fact in seen]
    assert sequences == list(range(sequences[0], sequences[0] + len(sequences)))


def test_a_later_one_waits_says_so_and_can_be_cancelled(house: House, locked: Any) -> None:
    house.right("deploy", "shop-staging", "--image", house.image("shop", 5))
    with house.running(*redeploy(house), "--id", "first") as first:
        assert first.stdout is not None
        until(first.stdout, "us-1  release task")
        with house.running("app", "pipeline", "promote", "shop-staging", "--id", "later") as later:
            assert later.stdout is not None
            until(later.stdout, "waits for first")
            assert house.right("promotion", "cancel", "later").code == 0
            assert later.wait(30) == 1
            assert "cancelled" in later.stdout.read()
        locked.unlink()
        assert first.wait(30) == 0


def test_a_cancelled_one_that_has_not_begun_changes_nothing(house: House) -> None:
    assert house.right("promotion", "info", "later", "--json").json["status"] == "cancelled"


REFUSED = [
    (("deploy", "nope", "--image", NOBODY), 3, "app-unknown"),
    (("deploy", "shop", "--image", "Not An Image"), 2, "usage"),
    (("deploy", "shop", "--image", NOBODY, "--stack", "nope"), 3, None),
    (("deploy", "shop", "--image", NOBODY, "--stack", "staging-1"), 3, None),
    (("app", "create", "shop"), 3, "app-exists"),
    (("app", "clone", "shop", "shop", "--stack", "eu-1"), 3, "app-exists"),
    (("app", "clone", "nope", "pr-7", "--stack", "eu-1"), 3, "app-unknown"),
    (("app", "clone", "shop", "pr-7", "--stack", "nope"), 3, "stack-unknown"),
    (("app", "pipeline", "review-apps", "shop-staging", "--stack", "eu-1", "--image", "a:pr-{number}"), 3, None),
    (("app", "pipeline", "review-apps", "shop", "--stack", "eu-1", "--image", "a:always"), 2, "invalid-request"),
    (("config:set", "nope", "A=1"), 3, "app-unknown"),
    (("config:set", "shop", "A=1", "--stack", "nope"), 3, None),
    (("config:unset", "shop", "NOPE"), 3, "variable-unknown"),
    (("config:get", "shop", "NOPE"), 3, "variable-unknown"),
    (("config:diff", "shop", "nope"), 3, "app-unknown"),
    (("app", "create", "Shop"), 2, "name-invalid"),
    (("app", "create", LONG), 2, "name-invalid"),
    (("app", "create", "new", "--stack", "nope"), 3, "stack-unknown"),
    (("app", "info", "nope"), 3, "app-unknown"),
    (("app", "info", "../tokens"), None, None),
    (("app", "destroy", "shop", "--force"), 3, None),
    (("app", "settings", "shop", "--postdeploy", "sometimes"), 2, "invalid-request"),
    (("app", "settings", "shop", "--running-deadline", "0"), 2, "invalid-request"),
    (("app", "pipeline", "create", "shop"), 3, None),
    (("app", "pipeline", "promote", "shop"), 3, "last-stage"),
    (("app", "pipeline", "promote", "shop-staging", "--release", "v99"), 3, "release-unknown"),
    (("app", "pipeline", "add-staging", "shop", "shop"), 3, None),
    (("stack", "add", "eu-1"), 3, "stack-exists"),
    (("stack", "add", "x", "--driver", "magic"), 2, "invalid-request"),
    (("stack", "remove", "eu-1"), 3, None),
    (("retry", "shop", "--stack", "eu-1"), 3, "nothing-to-retry"),
    (("retry", "shop", "--postdeploy"), 3, "nothing-to-retry"),
    (("promotion", "cancel", "nope"), 3, "promotion-not-open"),
    (("promotion", "info", "nope"), 3, "promotion-unknown"),
    (("logs", "nope"), 3, "app-unknown"),
    (("token", "revoke", "nope"), 3, "token-unknown"),
    (("promotion", "list", "--status", "odd"), 2, "invalid-request"),
    (("stack", "list", "--profile", "nope"), 2, "profile-unknown"),
]


@pytest.mark.parametrize(("arguments", "exit_code", "code"), REFUSED, ids=lambda value: str(value)[:50])
def test_what_is_wrong_is_refused_with_a_code_a_sentence_and_what_to_do(
    house: House, arguments: tuple[str, ...], exit_code: int | None, code: str | None
) -> None:
    ended, plain = house.ownstack(*arguments, "--json"), house.ownstack(*arguments)
    error = ended.error
    assert ended.code == plain.code == error["exit"]
    assert ended.code in (2, 3) if exit_code is None else ended.code == exit_code
    assert (ended.out, code in (None, error["code"])) == ("", True), error
    assert error["message"].rstrip("\n").endswith((".", "?"))
    assert plain.err.startswith("error: ")
    assert error.get("hint") or error.get("errors") or error["code"].endswith("-unknown")


def test_a_wrong_token_is_not_let_in(house: House) -> None:
    ended = house.with_token("own_wrong", "app", "list")
    assert (ended.code, "token" in ended.err) == (4, True)


def test_a_token_is_made_used_and_revoked(house: House) -> None:
    secret = house.right("token", "add", "ci").out.strip()
    assert house.with_token(secret, "app", "settings", "shop", "--running-deadline", "600").code == 0
    assert "by token:ci" in house.right("history", "--limit", "1").out
    house.right("token", "revoke", "ci")
    assert house.with_token(secret, "app", "list").code == 4


def test_the_same_id_is_the_same_command_and_for_another_it_is_refused(house: House) -> None:
    for _ in range(2):
        house.right("stack", "add", "spare", "--driver", "noop", "--id", "spare-1")
    ended = house.ownstack("stack", "add", "other", "--driver", "noop", "--id", "spare-1", "--json")
    assert (ended.code, ended.error["code"]) == (3, "idempotency-key-reused")


def test_a_command_runs_beside_the_app_while_it_is_deployed_and_ends_with_its_own_code(
    house: House, locked: Any
) -> None:
    script = "import os, sys; print('release', os.environ['RELEASE']); sys.exit(7)"
    with house.running(*redeploy(house)) as deploying:
        assert deploying.stdout is not None
        until(deploying.stdout, "us-1  release task")
        ran = house.ownstack("run", "shop", "--stack", "us-1", "--", sys.executable, "-c", script)
        assert (ran.code, ran.out.startswith("release ")) == (7, True)
        locked.unlink()
        assert deploying.wait(60) == 0


def test_an_app_is_destroyed_with_its_servers(house: House) -> None:
    house.right("app", "create", "gone", "--stack", "eu-1")
    house.right("deploy", "gone", "--image", house.image("hello", 1))
    url = url_of(house.home, ("gone", "eu-1"))
    assert httpx.get(url, trust_env=False).json()["app"] == "gone"
    assert "eu-1  succeeded: removed" in house.right("app", "destroy", "gone", "--force").out
    with pytest.raises(httpx.ConnectError):
        httpx.get(url, trust_env=False)


def test_a_process_of_its_own_ends_with_the_same_codes(house: House) -> None:
    assert [house.typed(*words).code for words in (("app", "list"), ("app",), ("app", "info", "nope"))] == [0, 2, 3]
