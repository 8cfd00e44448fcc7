"""`ownstack run`: what a command prints, how it ends, and what is said if that is not known."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qs

import pytest
from tests.unit.cli.conftest import Run
from tests.unit.cli.fake import Answer, Fake, accepted, admitted, fact, ok, page, problem, stream
from tests.unit.cli.test_commands import APP

RUN = ("run", "shop", "--stack", "eu-1", "--", "rake", "db:version", "--trace")


def view(status: str = "running", **more: Any) -> dict[str, Any]:
    about = {"id": "c1", "job": "c1#run", "app": "shop", "stack": "eu-1", "command": ["rake"], "status": status}
    return {**about, "exit_code": None, "lines": None, "code": None, "message": None, **more}


def ended(exit_code: int = 0, lines: int = 0) -> dict[str, Any]:
    return view("ended", exit_code=exit_code, lines=lines)


def line(cursor: int, text: str) -> dict[str, Any]:
    return {"cursor": cursor, "deployment": "c1#run", "stack": "eu-1", "phase": "run", "at": 1, "text": text}


def lines(*told: tuple[int, str]) -> Answer:
    """Lines as server-sent events, after which the connection ends."""
    events = (f"id: {c}\nevent: LogLine\ndata: {json.dumps(line(c, text))}\n\n" for c, text in told)
    return Answer(200, "".join(events))


END = fact(12, "StackRunEnded", job="c1#run", app="shop", stack="eu-1", exit_code=0, lines=0)


def ran(fake: Fake, end: dict[str, Any], *printed: Answer, facts: Sequence[Answer] = (stream(END),)) -> None:
    fake.on("POST", "/apps/shop/runs", admitted("RunRequested", 10))
    fake.on("GET", "/apps/shop/runs/c1", ok(view()), ok(end))
    fake.on("GET", "/apps/shop/logs/events", *(printed or (lines(),)))
    fake.on("GET", "/events", *facts)


def test_its_lines_are_printed_as_they_are_and_nothing_else(fake: Fake, ownstack: Run) -> None:
    ran(fake, ended(lines=2), lines((4, "Current version: 7\t\x1b[32mgreen"), (9, "")))
    done = ownstack(*RUN)
    assert (done.code, done.out, done.err) == (0, "Current version: 7\t\x1b[32mgreen\n\n", "")
    assert fake.asked[0].body == {"stack": "eu-1", "command": ["rake", "db:version", "--trace"]}


def test_only_its_own_lines_are_asked_for_from_the_first_on(fake: Fake, ownstack: Run) -> None:
    ran(fake, ended())
    ownstack(*RUN)
    (asked, *_) = fake.to("/apps/shop/logs/events")
    assert (asked.query, parse_qs(asked.query)) == ("deployment=c1%23run", {"deployment": ["c1#run"]})
    assert asked.headers["Last-Event-ID"] == "0"
    assert fake.to("/events")[0].headers["Last-Event-ID"] == "10"


@pytest.mark.parametrize("code", [0, 1, 3, 130, 255])
def test_it_ends_as_the_command_does(fake: Fake, ownstack: Run, code: int) -> None:
    ran(fake, ended(code))
    plain = ownstack(*RUN)
    ran(fake, ended(code))
    assert (plain.code, plain.err, ownstack(*RUN[:4], "--json", *RUN[4:]).code) == (code, "", code)


def test_lines_that_come_after_the_end_are_printed_too(fake: Fake, ownstack: Run) -> None:
    ran(fake, ended(lines=3), lines(), lines((4, "a")), lines((5, "b"), (6, "c")))
    done = ownstack(*RUN)
    assert (done.code, done.out, done.err) == (0, "a\nb\nc\n", "")


def test_a_line_that_comes_twice_is_printed_once(fake: Fake, ownstack: Run) -> None:
    ran(fake, ended(lines=2), lines((4, "a"), (4, "a")), lines((4, "a"), (5, "b")))
    assert ownstack(*RUN).out == "a\nb\n"


def test_lines_that_do_not_come_are_said_to_be_missing_and_where_they_will_be(
    fake: Fake, ownstack: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ownstack.runs.PATIENCE", 0.0)
    ran(fake, ended(7, lines=2))
    done = ownstack(*RUN)
    assert (done.code, done.out) == (7, "")
    assert done.err == ("2 of 2 lines have not come yet. They will be in: ownstack logs shop --deployment c1#run\n")


def test_the_end_of_another_command_is_not_taken_for_this_one(fake: Fake, ownstack: Run) -> None:
    other = fact(11, "StackRunEnded", job="c2#run", app="shop", stack="eu-1", exit_code=9, lines=0)
    ran(fake, ended(), facts=[stream(other), stream(END)])
    ownstack(*RUN)
    assert len(fake.to("/events")) == 2


@pytest.mark.parametrize(
    ("kind", "status", "message", "said"),
    [
        ("StackRunFailed", "failed", "eu-1 does not answer.", "failed: eu-1 does not answer."),
        ("JobExpired", "expired", None, "expired: a deadline has passed."),
        ("StackRunUnknown", "unknown", None, "unknown: its deployer was lost. It may have run"),
    ],
)
def test_one_that_did_not_come_to_an_end_has_an_exit_code_of_its_own(
    fake: Fake, ownstack: Run, kind: str, status: str, message: str | None, said: str
) -> None:
    about = {"app": "shop", "stack": "eu-1", "code": "c", "message": message}
    ran(fake, view(status, message=message), facts=[stream(fact(12, kind, job="c1#run", **about))])
    fake.on("GET", "/apps/shop/logs", page(line(4, "as far as it came")))
    done = ownstack(*RUN)
    assert (done.code, done.out, done.err.startswith(said)) == (125, "as far as it came\n", True)


def test_one_that_has_ended_already_is_shown_from_the_beginning(fake: Fake, ownstack: Run) -> None:
    fake.on("POST", "/apps/shop/runs", admitted("RunRequested", 10))
    fake.on("GET", "/apps/shop/runs/c1", ok(ended(4, lines=1)))
    fake.on("GET", "/apps/shop/logs/events", lines((4, "a")))
    done = ownstack("run", "shop", "--stack", "eu-1", "--id", "c1", "rake")
    assert (done.code, done.out, fake.to("/events")) == (4, "a\n", [])
    assert fake.asked[0].headers["Idempotency-Key"] == "c1"


def test_json_is_the_run_and_its_lines_are_left_to_the_logs(fake: Fake, ownstack: Run) -> None:
    ran(fake, found := ended(3, lines=5))
    done = ownstack(*RUN[:4], "--json", *RUN[4:])
    assert (done.code, done.json, done.err) == (3, found, "")
    assert fake.to("/apps/shop/logs/events") == []


def test_json_of_one_that_did_not_run_says_how_it_ended(fake: Fake, ownstack: Run) -> None:
    ran(fake, found := view("failed", message="No."), facts=[stream(fact(12, "StackRunFailed", job="c1#run"))])
    done = ownstack(*RUN[:4], "--json", *RUN[4:])
    assert (done.code, done.json, done.err) == (125, found, "")


def test_an_option_behind_two_hyphens_is_the_command_s(fake: Fake, ownstack: Run) -> None:
    ran(fake, ended())
    assert ownstack("run", "shop", "--stack", "eu-1", "--", "x", "--json").out == ""
    assert fake.asked[0].body["command"] == ["x", "--json"]


def test_the_stack_of_an_app_on_one_stack_need_not_be_said(fake: Fake, ownstack: Run) -> None:
    ran(fake, ended())
    fake.on("GET", "/apps/shop", ok({**APP, "stacks": APP["stacks"][:1]}))
    assert ownstack("run", "shop", "rake").code == 0
    assert [asked.body["stack"] for asked in fake.to("/apps/shop/runs")] == ["eu-1"]


@pytest.mark.parametrize(("number", "hint"), [(2, "--stack eu-1 or us-1"), (0, "ownstack app add-stack shop STACK")])
def test_it_must_be_said_where_an_app_on_more_or_less_than_one_stack_is_meant(
    fake: Fake, ownstack: Run, number: int, hint: str
) -> None:
    fake.on("GET", "/apps/shop", ok({**APP, "stacks": APP["stacks"][:number]}))
    done = ownstack("run", "shop", "rake")
    assert (done.code, fake.to("/apps/shop/runs"), f"hint: {hint}\n" in done.err) == (2, [], True)


def test_a_command_must_be_given(fake: Fake, ownstack: Run) -> None:
    assert (ownstack("run", "shop", "--stack", "eu-1").code, fake.asked) == (2, [])


def test_a_run_that_is_refused_has_not_run(fake: Fake, ownstack: Run) -> None:
    fake.on("POST", "/apps/shop/runs", problem(409, "app-not-on-stack", "shop is not on eu-1."))
    assert (ownstack(*RUN).code, len(fake.asked)) == (3, 1)


def test_nobody_waits_who_does_not_want_to(fake: Fake, ownstack: Run) -> None:
    fake.on("POST", "/apps/shop/runs", accepted("RunRequested"))
    done = ownstack(*RUN[:4], "--no-wait", *RUN[4:])
    assert (done.code, done.out, len(fake.asked)) == (0, "Sent: RunRequested c1\n", 1)
    assert "ownstack logs shop --deployment c1#run --follow" in done.err


def test_ctrl_c_says_that_it_goes_on_and_how_to_see_it(
    fake: Fake, ownstack: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    ran(fake, ended())
    monkeypatch.setattr("ownstack.client.Client.follow", interrupted)
    done = ownstack(*RUN)
    assert done.code == 130
    assert "goes on without you. To see it: ownstack logs shop --deployment c1#run --follow\n" in done.err


def test_a_stream_that_the_server_refuses_ends_it(fake: Fake, ownstack: Run) -> None:
    ran(fake, ended(), problem(401, "token-unknown", "Revoked."), facts=[stream()])
    done = ownstack(*RUN)
    assert (done.code, "error: Revoked.\n" in done.err) == (4, True)


@pytest.mark.parametrize("json", [False, True])
def test_its_lines_can_be_followed_by_others_and_later(fake: Fake, ownstack: Run, *, json: bool) -> None:
    fake.on("GET", "/apps/shop/logs", page(line(4, "early")))
    fake.on("GET", "/apps/shop/logs/events", lines((5, "now")), problem(401, "token-unknown", "Revoked."))
    done = ownstack("logs", "shop", "--deployment", "c1#run", "--follow", *(["--json"] if json else []))
    assert [text for text in ("early", "now") if text in done.out] == ["early", "now"]
    assert [len(done.out.splitlines()), "eu-1  run  early" in done.out] == [2, not json]
    assert [asked.query.rpartition("deployment=")[2].partition("&")[0] for asked in fake.asked] == ["c1%23run"] * 3
    assert fake.to("/apps/shop/logs/events")[0].headers["Last-Event-ID"] == "4"
