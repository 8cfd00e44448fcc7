"""`ownstack stack add`: a Dokku server, from its address to the first check; and what fits no driver."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.cli.checks import (
    FINGERPRINT,
    HOST_KEY,
    LETTING_IN,
    PUBLIC_KEY,
    QUESTION,
    added,
    checked,
    on_a_terminal,
    pinned,
    stack,
)
from tests.unit.cli.conftest import Run
from tests.unit.cli.fake import Fake, accepted, admitted, problem

ADD = ("stack", "add", "eu-1", "--driver", "dokku", "--host", "203.0.113.7")


@pytest.mark.parametrize(
    ("options", "address"),
    [
        ((), "dokku@203.0.113.7:22"),
        (("--port", "2222", "--user", "deploy"), "deploy@203.0.113.7:2222"),
        (("--host", "2001:db8::7"), "dokku@[2001:db8::7]:22"),
        (("--host", "[2001:db8::7]"), "dokku@[2001:db8::7]:22"),
        (("--host", "eu-1.example.org"), "dokku@eu-1.example.org:22"),
    ],
)
def test_a_host_becomes_the_address_of_a_dokku_stack(
    fake: Fake, ownstack: Run, options: tuple[str, ...], address: str
) -> None:
    added(fake)
    checked(fake, stack())
    assert ownstack(*ADD, *options).code == 0
    assert fake.asked[0].body == {"name": "eu-1", "driver": "dokku", "address": address, "settings": {}}


@pytest.mark.parametrize("given", [FINGERPRINT, HOST_KEY, f"{HOST_KEY} root@eu-1", f"203.0.113.7 {HOST_KEY}"])
def test_a_host_key_is_sent_as_drivers_read_it(fake: Fake, ownstack: Run, given: str) -> None:
    added(fake)
    checked(fake, stack())
    assert ownstack(*ADD, "--host-key", given, "--set", "a=b").code == 0
    wanted = FINGERPRINT if given == FINGERPRINT else HOST_KEY
    assert fake.asked[0].body["settings"] == {"a": "b", "host_key": wanted}
    assert pinned(fake) == []


def test_one_that_can_be_used_is_said_to_be_with_the_key_of_the_deployer(fake: Fake, ownstack: Run) -> None:
    added(fake)
    checked(fake, stack())
    ended = ownstack(*ADD)
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines() == [
        "eu-1 is a stack.",
        "  checking eu-1 …",
        f"The key of deployer hub: {PUBLIC_KEY}",
        "eu-1 can be used.",
    ]


def test_the_check_is_followed_from_its_own_command_on(fake: Fake, ownstack: Run) -> None:
    added(fake)
    checked(fake, stack())
    ownstack(*ADD)
    assert fake.to("/events")[0].headers["Last-Event-ID"] == "10"
    assert fake.to("/stacks/eu-1/checks")[0].body is None


def test_one_that_does_not_let_the_deployer_in_yet_is_no_failure_and_it_is_said_how_it_does(
    fake: Fake, ownstack: Run
) -> None:
    added(fake)
    checked(fake, stack("key-refused"))
    ended = ownstack(*ADD)
    assert (ended.code, ended.err) == (0, "")
    said = "203.0.113.7 does not let in the deployer hub: its key is not there."
    assert f"{said} Run on the server: {LETTING_IN}\n" in ended.out
    assert ended.out.endswith("Whether it works then, this tells: ownstack stack check eu-1\n")
    assert "can be used" not in ended.out


def test_one_that_can_not_be_reached_is_a_failure_but_is_added(fake: Fake, ownstack: Run) -> None:
    added(fake)
    checked(fake, stack("unreachable", host_key=None, fingerprint=None))
    ended = ownstack(*ADD)
    assert (ended.code, "eu-1 is a stack." in ended.out, PUBLIC_KEY in ended.out) == (1, True, True)
    assert "error: It is wrong: unreachable.\n" in ended.err
    assert "ownstack stack check eu-1" in ended.err


class TestAKeyThatNobodyHasConfirmed:
    """A server that is seen for the first time."""

    def test_it_is_asked_about_and_pinned_by_a_yes(
        self, fake: Fake, ownstack: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        added(fake)
        checked(fake, stack("host-key-unconfirmed"), stack("key-refused"))
        on_a_terminal(monkeypatch, "y\n")
        ended = ownstack(*ADD)
        assert (ended.code, pinned(fake)) == (0, [{"settings": {"host_key": HOST_KEY}}])
        assert f"203.0.113.7 shows this key: ED25519 {FINGERPRINT}\n" in ended.err
        assert "ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub   on the server" in ended.err
        assert QUESTION in ended.err
        assert LETTING_IN in ended.out

    @pytest.mark.parametrize("typed", ["n\n", "\n"])
    def test_without_a_yes_it_stays_unpinned_and_it_is_said_how_to_confirm_it_later(
        self, fake: Fake, ownstack: Run, monkeypatch: pytest.MonkeyPatch, typed: str
    ) -> None:
        added(fake)
        checked(fake, stack("host-key-unconfirmed"))
        on_a_terminal(monkeypatch, typed)
        ended = ownstack(*ADD)
        assert (ended.code, pinned(fake), PUBLIC_KEY in ended.out) == (1, [], True)
        assert "nothing is deployed on eu-1 until then" in ended.err
        assert "hint: To confirm it later: ownstack stack check eu-1\n" in ended.err

    def test_nobody_is_asked_without_a_terminal(self, fake: Fake, ownstack: Run) -> None:
        added(fake)
        checked(fake, stack("host-key-unconfirmed"))
        ended = ownstack(*ADD)
        assert (ended.code, pinned(fake), QUESTION in ended.err) == (1, [], False)
        assert "nothing is deployed on eu-1 until then" in ended.err
        assert f"ownstack stack check eu-1 --host-key {FINGERPRINT}\n" in ended.err

    def test_nobody_is_asked_with_json(self, fake: Fake, ownstack: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        added(fake)
        checked(fake, found := stack("host-key-unconfirmed"))
        on_a_terminal(monkeypatch, "y\n")
        ended = ownstack(*ADD, "--json")
        assert (ended.code, pinned(fake), ended.json) == (1, [], found)
        assert (ended.error["code"], ended.error["check"]) == ("host-key-unconfirmed", found["check"])
        assert f"--host-key {FINGERPRINT}" in ended.error["hint"]

    def test_whoever_is_asked_can_leave(self, fake: Fake, ownstack: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        added(fake)
        checked(fake, stack("host-key-unconfirmed"))
        on_a_terminal(monkeypatch, "")
        assert (ownstack(*ADD).code, pinned(fake)) == (130, [])


@pytest.mark.parametrize("code", [None, "key-refused"])
def test_json_is_one_document_the_stack_with_its_check(fake: Fake, ownstack: Run, code: str | None) -> None:
    added(fake)
    checked(fake, found := stack(code))
    ended = ownstack(*ADD, "--json")
    assert (ended.code, ended.json, ended.err) == (0, found, "")


def test_nobody_waits_for_a_check_who_does_not_want_to(fake: Fake, ownstack: Run) -> None:
    added(fake, accepted("StackAdded"))
    ended = ownstack(*ADD, "--no-wait")
    assert (ended.code, ended.out) == (0, "Sent: StackAdded c1\n")
    assert [asked.path for asked in fake.asked] == ["/api/v1/stacks"]


def test_a_stack_that_is_refused_is_not_checked(fake: Fake, ownstack: Run) -> None:
    added(fake, problem(409, "stack-exists", "eu-1 is a stack already.", "ownstack stack info eu-1"))
    assert (ownstack(*ADD).code, len(fake.asked)) == (3, 1)


def test_a_check_that_is_refused_says_that_the_stack_was_added(fake: Fake, ownstack: Run) -> None:
    added(fake)
    fake.on("POST", "/stacks/eu-1/checks", problem(409, "stack-unknown", "There is no stack eu-1."))
    ended = ownstack(*ADD)
    assert (ended.code, ended.err) == (3, "error: eu-1 is added. There is no stack eu-1.\n")


@pytest.mark.parametrize("driver", [(), ("--driver", "program"), ("--driver", "noop")])
def test_a_stack_of_another_driver_is_not_checked(fake: Fake, ownstack: Run, driver: tuple[str, ...]) -> None:
    added(fake)
    ended = ownstack("stack", "add", "eu-1", "--address", "./run", *driver)
    assert (ended.code, ended.out, len(fake.asked)) == (0, "eu-1 is a stack.\n", 1)
    assert fake.asked[0].body["driver"] == (driver[1] if driver else "program")
    assert fake.asked[0].body["address"] == str(Path.cwd() / "run")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--host", "203.0.113.7"), "are for stacks with --driver dokku"),
        (("--port", "22", "--driver", "program"), "are for stacks with --driver dokku"),
        (("--user", "me", "--driver", "noop"), "are for stacks with --driver dokku"),
        (("--host-key", FINGERPRINT, "--address", "/x"), "are for stacks with --driver dokku"),
        (("--driver", "dokku"), "needs a --host"),
        (("--driver", "dokku", "--host", "a", "--address", "dokku@a:22"), "has no --address"),
        (("--driver", "dokku", "--host", "203.0.113.7:22"), "203.0.113.7:22"),
        (("--driver", "dokku", "--host", "a b"), "is not the name of a host"),
        (("--driver", "dokku", "--host", "a", "--user", "A B"), "is not the name of a user"),
        (("--driver", "dokku", "--host", "a", "--port", "65536"), "'--port'"),
        (("--driver", "dokku", "--host", "a", "--host-key", "a"), "'a' is no key of a server."),
        (("--driver", "dokku", "--host", "a", "--host-key", "SHA256:short"), "is no key of a server."),
        (("--driver", "dokku", "--host", "a", "--host-key", ""), "is no key of a server."),
    ],
)
def test_what_does_not_fit_is_said_and_not_sent(
    fake: Fake, ownstack: Run, arguments: tuple[str, ...], said: str
) -> None:
    ended = ownstack("stack", "add", "eu-1", *arguments)
    assert (ended.code, fake.asked, said in ended.err, "hint: " in ended.err) == (2, [], True, True)


def test_a_host_alone_gets_the_hint_to_give_the_driver(fake: Fake, ownstack: Run) -> None:
    ended = ownstack("stack", "add", "eu-1", "--host", "203.0.113.7")
    assert "hint: ownstack stack add eu-1 --driver dokku --host 203.0.113.7\n" in ended.err


def test_the_help_names_every_driver(ownstack: Run) -> None:
    shown = ownstack("stack", "add", "--help").out
    assert all(driver in shown for driver in ("dokku", "program", "noop"))


def test_ctrl_c_during_the_check_says_how_to_see_it(fake: Fake, ownstack: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    added(fake)
    fake.on("POST", "/stacks/eu-1/checks", admitted("CheckRequested", 10, name="k1"))
    monkeypatch.setattr("ownstack.client.Client.follow", interrupted)
    ended = ownstack(*ADD)
    assert (ended.code, "ownstack stack info eu-1" in ended.err) == (130, True)
