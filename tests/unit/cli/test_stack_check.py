"""`ownstack stack check`, `set` and `info`: whether a stack can be used, and what is changed if not."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.cli.checks import (
    FINGERPRINT,
    HOST_KEY,
    LETTING_IN,
    OTHER,
    PUBLIC_KEY,
    QUESTION,
    checked,
    on_a_terminal,
    pinned,
    stack,
)
from tests.unit.cli.conftest import Run
from tests.unit.cli.fake import Fake, accepted, admitted, fact, ok, problem, stream

CHECK = ("stack", "check", "eu-1")
RSA = {"host_key": "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQC7", "fingerprint": FINGERPRINT}


def test_one_that_can_be_used_is_said_to_be(fake: Fake, ownstack: Run) -> None:
    checked(fake, stack())
    ended = ownstack(*CHECK)
    assert (ended.code, ended.out, ended.err) == (0, "  checking eu-1 …\neu-1 can be used.\n", "")


def test_the_answer_to_another_check_is_not_taken_for_this_one(fake: Fake, ownstack: Run) -> None:
    other = fact(11, "StackChecked", job="another#check", stack="eu-1")
    fake.on("POST", "/stacks/eu-1/checks", admitted("CheckRequested", 10, name="k1"))
    fake.on("GET", "/events", stream(other), stream(fact(12, "StackChecked", job="k1#check", stack="eu-1")))
    fake.on("GET", "/stacks/eu-1", ok(stack()))
    assert (ownstack(*CHECK).code, len(fake.to("/events"))) == (0, 2)


def test_what_is_wrong_is_said_in_one_sentence(fake: Fake, ownstack: Run) -> None:
    checked(fake, stack("not-dokku", message="203.0.113.7 is no Dokku server."))
    ended = ownstack(*CHECK)
    assert ended.code == 1
    assert ended.err.splitlines() == [
        "error: 203.0.113.7 is no Dokku server.",
        "hint: Once that is mended: ownstack stack check eu-1",
    ]


def test_one_that_does_not_let_the_deployer_in_can_not_be_used(fake: Fake, ownstack: Run) -> None:
    checked(fake, stack("key-refused"))
    ended = ownstack(*CHECK)
    assert (ended.code, f"hint: Run on the server: {LETTING_IN}\n" in ended.err) == (1, True)


def test_json_is_the_stack_with_its_check_and_what_is_wrong_stands_on_stderr(fake: Fake, ownstack: Run) -> None:
    checked(fake, found := stack("unreachable"))
    ended = ownstack(*CHECK, "--json")
    assert (ended.code, ended.json, ended.error["code"]) == (1, found, "unreachable")


def test_an_unconfirmed_key_is_asked_about_and_pinned(
    fake: Fake, ownstack: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked(fake, stack("host-key-unconfirmed", **RSA), stack())
    on_a_terminal(monkeypatch, "yes\n")
    ended = ownstack(*CHECK)
    assert (ended.code, pinned(fake)) == (0, [{"settings": {"host_key": RSA["host_key"]}}])
    assert f"shows this key: RSA {FINGERPRINT}\n" in ended.err
    assert "/etc/ssh/ssh_host_rsa_key.pub" in ended.err
    assert ended.out.endswith("eu-1 can be used.\n")


def test_one_that_is_still_unconfirmed_is_not_asked_about_again(
    fake: Fake, ownstack: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked(fake, stack("host-key-unconfirmed"), stack("host-key-unconfirmed"))
    on_a_terminal(monkeypatch, "y\ny\n")
    ended = ownstack(*CHECK)
    assert (ended.code, ended.err.count(QUESTION)) == (1, 1)


@pytest.mark.parametrize("given", [FINGERPRINT, f"{FINGERPRINT}=", HOST_KEY, f"{HOST_KEY} root@eu-1"])
def test_a_key_that_is_given_and_shown_is_pinned_without_a_question(
    fake: Fake, ownstack: Run, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    checked(fake, stack("host-key-unconfirmed"), stack())
    on_a_terminal(monkeypatch)
    ended = ownstack(*CHECK, "--host-key", given)
    assert (ended.code, pinned(fake)) == (0, [{"settings": {"host_key": HOST_KEY}}])
    assert QUESTION not in ended.err


@pytest.mark.parametrize("given", [OTHER, HOST_KEY[:-1] + "e"])
@pytest.mark.parametrize("code", ["host-key-unconfirmed", "key-refused", None])
def test_a_key_that_is_given_but_not_shown_pins_nothing(
    fake: Fake, ownstack: Run, code: str | None, given: str
) -> None:
    checked(fake, stack(code))
    ended = ownstack(*CHECK, "--host-key", given)
    assert (ended.code, pinned(fake)) == (1, [])
    assert f"203.0.113.7 shows another key than the given one: ED25519 {FINGERPRINT}." in ended.err


def test_a_key_that_is_given_for_one_that_shows_none_changes_nothing(fake: Fake, ownstack: Run) -> None:
    checked(fake, stack("unreachable", host_key=None, fingerprint=None))
    ended = ownstack(*CHECK, "--host-key", FINGERPRINT)
    assert (ended.code, pinned(fake), "It is wrong: unreachable." in ended.err) == (1, [], True)


@pytest.mark.parametrize("options", [(), ("--host-key", FINGERPRINT), ("--host-key", OTHER)])
def test_a_key_that_has_changed_is_never_asked_about(
    fake: Fake, ownstack: Run, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...]
) -> None:
    checked(fake, stack("host-key-changed"))
    on_a_terminal(monkeypatch, "y\n")
    ended = ownstack(*CHECK, *options)
    assert (ended.code, pinned(fake), QUESTION in ended.err) == (1, [], False)
    assert f"error: 203.0.113.7 shows another key than the confirmed one: ED25519 {FINGERPRINT}.\n" in ended.err
    assert "somebody stands between" in ended.err
    assert f"ownstack stack set eu-1 --host-key {FINGERPRINT}\n" in ended.err


def test_nobody_waits_who_does_not_want_to(fake: Fake, ownstack: Run) -> None:
    fake.on("POST", "/stacks/eu-1/checks", accepted("CheckRequested", "k1"))
    ended = ownstack(*CHECK, "--no-wait")
    assert (ended.code, ended.out, len(fake.asked)) == (0, "Sent: CheckRequested k1\n", 1)


@pytest.mark.parametrize("options", [("--host-key", "nope"), ("--host-key", FINGERPRINT, "--no-wait")])
def test_what_makes_no_sense_is_not_sent(fake: Fake, ownstack: Run, options: tuple[str, ...]) -> None:
    assert (ownstack(*CHECK, *options).code, fake.asked) == (2, [])


def test_a_stack_that_is_not_there_is_no_failure_of_a_check(fake: Fake, ownstack: Run) -> None:
    fake.on("POST", "/stacks/eu-1/checks", problem(409, "stack-unknown", "There is no stack eu-1."))
    assert ownstack(*CHECK).code == 3


@pytest.mark.parametrize(
    ("check", "shown"),
    [
        (None, ["checked         —"]),
        (stack()["check"], ["by hub: can be used", FINGERPRINT, PUBLIC_KEY]),
        (stack("unreachable", fingerprint=None)["check"], ["by hub: It is wrong: unreachable."]),
    ],
)
def test_the_latest_check_is_shown(fake: Fake, ownstack: Run, check: dict[str, Any] | None, shown: list[str]) -> None:
    fake.on("GET", "/stacks/eu-1", ok({**stack(), "check": check}))
    ended = ownstack("stack", "info", "eu-1")
    assert ended.code == 0
    assert [" ".join(text.split()) for text in shown if " ".join(text.split()) not in " ".join(ended.out.split())] == []


PROGRAM = {**stack(), "driver": "program", "address": "/old", "check": None}


@pytest.mark.parametrize(
    ("view", "options", "body"),
    [
        (stack(), ("--host", "198.51.100.9"), {"address": "dokku@198.51.100.9:22"}),
        (stack(), ("--port", "2222"), {"address": "dokku@203.0.113.7:2222"}),
        (stack(), ("--user", "deploy", "--host", "::1"), {"address": "deploy@[::1]:22"}),
        (stack(), ("--host-key", f"{HOST_KEY} root@eu-1"), {"settings": {"host_key": HOST_KEY}}),
        (
            stack(),
            ("--host", "b", "--host-key", OTHER, "--set", "a=b", "--set", "c="),
            {"address": "dokku@b:22", "settings": {"a": "b", "c": "", "host_key": OTHER}},
        ),
        (None, ("--set", "host_key="), {"settings": {"host_key": ""}}),
        (PROGRAM, ("--address", "/new"), {"address": "/new"}),
        ({**stack(), "address": "eu-1"}, ("--host", "b"), {"address": "dokku@b:22"}),
    ],
)
def test_what_is_given_of_a_stack_is_changed(
    fake: Fake, ownstack: Run, view: dict[str, Any] | None, options: tuple[str, ...], body: dict[str, Any]
) -> None:
    fake.on("PATCH", "/stacks/eu-1", admitted("StackChanged"))
    if view is not None:
        fake.on("GET", "/stacks/eu-1", ok(view))
    plain, json = ownstack("stack", "set", "eu-1", *options), ownstack("stack", "set", "eu-1", *options, "--json")
    assert (plain.code, plain.out, json.code, json.json["status"]) == (0, "eu-1 is changed.\n", 0, "admitted")
    assert pinned(fake) == [body, body]


@pytest.mark.parametrize(
    ("view", "options"),
    [
        (stack(), ()),
        (stack(), ("--set", "a")),
        (stack(), ("--address", "dokku@b:22")),
        (stack(), ("--host", "a b")),
        (stack(), ("--host-key", "nope")),
        (PROGRAM, ("--host", "b")),
        (PROGRAM, ("--host-key", OTHER)),
    ],
)
def test_what_does_not_fit_a_stack_changes_nothing(
    fake: Fake, ownstack: Run, view: dict[str, Any], options: tuple[str, ...]
) -> None:
    fake.on("GET", "/stacks/eu-1", ok(view))
    ended = ownstack("stack", "set", "eu-1", *options, "--json")
    assert (ended.code, ended.error["code"], pinned(fake)) == (2, "usage", [])
