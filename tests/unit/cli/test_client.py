"""The client: the token, the key under which a command is sent again, what is retried, and streams that are resumed."""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import islice

import pytest
from tests.unit.cli.fake import TOKEN, Answer, Fake, accepted, admitted, fact, ok, page, problem, stream

from ownstack.client import Client
from ownstack.exits import Exit, Failure
from ownstack.paths import segment
from ownstack.profiles import Profile

BROKEN = Answer(0)
Connect = Callable[..., Client]


class Clock:
    """Time passes only in pauses."""

    def __init__(self) -> None:
        self.now = 0.0

    def pause(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def client(fake: Fake, clock: Clock) -> Iterator[Client]:
    profile = Profile("test", fake.url, TOKEN)
    with closing(Client(profile, pause=clock.pause, clock=lambda: clock.now)) as client:
        yield client


def test_every_request_carries_the_token(client: Client, fake: Fake) -> None:
    fake.on("GET", "/me", ok({"team": "default"}))
    client.get("/me")
    assert fake.asked[0].headers["Authorization"] == f"Bearer {TOKEN}"


def test_a_command_broken_off_is_sent_again_under_the_same_key(client: Client, fake: Fake) -> None:
    fake.on("POST", "/stacks", BROKEN, BROKEN, admitted())
    assert client.command("POST", "/stacks", {"name": "eu-1"})["status"] == "admitted"
    keys = {asked.headers["Idempotency-Key"] for asked in fake.to("/stacks")}
    assert (len(fake.to("/stacks")), len(keys)) == (3, 1)


def test_two_commands_have_two_keys(client: Client, fake: Fake) -> None:
    fake.on("POST", "/stacks", admitted())
    for _ in range(2):
        client.command("POST", "/stacks", {})
    assert len({asked.headers["Idempotency-Key"] for asked in fake.asked}) == 2


def test_a_command_is_waited_for_until_it_is_decided(client: Client, fake: Fake) -> None:
    fake.on("POST", "/stacks", accepted(), accepted(), admitted())
    assert client.command("POST", "/stacks", {}, key="k")["status"] == "admitted"
    assert [a.headers["Prefer"] for a in fake.asked] == ["wait=20"] * 3


def test_nobody_waits_who_does_not_want_to(client: Client, fake: Fake) -> None:
    fake.on("POST", "/stacks", accepted())
    assert client.command("POST", "/stacks", {}, wait=False)["status"] == "accepted"
    assert "Prefer" not in fake.asked[0].headers


def test_a_server_that_can_not_at_the_moment_is_asked_again(client: Client, fake: Fake) -> None:
    busy = problem(503, "disk-full", "The disk is full.")
    fake.on("POST", "/stacks", busy, admitted())
    assert client.command("POST", "/stacks", {})["status"] == "admitted"


def test_a_server_that_never_can_is_given_up(client: Client, fake: Fake, clock: Clock) -> None:
    fake.on("GET", "/me", problem(503, "disk-full", "The disk is full."))
    with pytest.raises(Failure, match="disk is full") as found:
        client.get("/me")
    assert found.value.exit_code == Exit.UNAVAILABLE
    assert 10 < clock.now < 20


def test_a_server_that_goes_away_is_given_up_after_a_while(client: Client, fake: Fake, clock: Clock) -> None:
    fake.on("POST", "/stacks", BROKEN)
    with pytest.raises(Failure) as found:
        client.command("POST", "/stacks", {})
    assert (found.value.code, found.value.exit_code) == ("unreachable", Exit.UNAVAILABLE)
    assert clock.now >= 60


def test_a_server_that_is_not_there_is_said_at_once(clock: Clock) -> None:
    client = Client(Profile("x", "http://127.0.0.1:1", None), pause=clock.pause)
    with closing(client), pytest.raises(Failure, match="does not answer") as found:
        client.command("POST", "/stacks", {})
    assert (found.value.code, clock.now) == ("unreachable", 0.0)


@pytest.mark.parametrize(
    ("status", "code", "ends"),
    [
        (401, "token-unknown", Exit.UNAVAILABLE),
        (404, "app-unknown", Exit.REJECTED),
        (409, "app-exists", Exit.REJECTED),
        (413, "body-too-large", Exit.REJECTED),
        (422, "invalid-request", Exit.USAGE),
        (422, "idempotency-key-reused", Exit.REJECTED),
        (429, "too-many-streams", Exit.UNAVAILABLE),
        (500, "internal-error", Exit.UNAVAILABLE),
    ],
)
def test_problems_become_exit_codes(client: Client, fake: Fake, status: int, code: str, ends: Exit) -> None:
    fake.on("GET", "/me", problem(status, code, "Why.", "What to do."))
    with pytest.raises(Failure) as found:
        client.get("/me")
    failure = found.value
    assert (failure.code, failure.message, failure.hint, failure.exit_code) == (code, "Why.", "What to do.", ends)
    assert len(fake.asked) == 1


@pytest.mark.parametrize(
    "answer", [Answer(200, ["no object"]), Answer(404, "<html>"), Answer(302, {}), Answer(500, "x")]
)
def test_another_kind_of_server_is_recognised(client: Client, fake: Fake, answer: Answer) -> None:
    fake.on("GET", "/me", answer)
    with pytest.raises(Failure, match="not as OwnStack does") as found:
        client.get("/me")
    assert found.value.code == "not-ownstack"


@pytest.mark.parametrize("url", ["", "127.0.0.1:8700", "ftp://x", "http://"])
def test_what_is_no_url_is_a_usage_error(url: str) -> None:
    with pytest.raises(Failure) as found:
        Client(Profile("x", url, None))
    assert (found.value.code, found.value.exit_code) == ("server-url", Exit.USAGE)


@pytest.mark.parametrize(
    ("url", "loads"), [("http://127.0.0.1:1", False), ("https://127.0.0.1:1", True), ("http://own.example.org", True)]
)
def test_certificates_are_loaded_unless_none_can_be_met(
    monkeypatch: pytest.MonkeyPatch, url: str, *, loads: bool
) -> None:
    made = []
    create = ssl.create_default_context
    monkeypatch.setattr(ssl, "create_default_context", lambda *a, **k: made.append(url) or create(*a, **k))
    Client(Profile("x", url, None)).close()
    assert bool(made) == loads


def test_a_list_is_read_over_all_its_pages(client: Client, fake: Fake) -> None:
    fake.on("GET", "/apps", page(1, 2, after="c"), page(3))
    assert list(client.pages("/apps")) == [1, 2, 3]
    assert [asked.query for asked in fake.asked] == ["limit=200", "cursor=c&limit=200"]


def test_no_more_of_a_list_is_read_than_is_wanted(client: Client, fake: Fake) -> None:
    fake.on("GET", "/apps", page(1, 2, after="c"))
    assert list(client.pages("/apps", limit=2)) == [1, 2]
    assert [asked.query for asked in fake.asked] == ["limit=2"]


def test_a_lost_stream_is_taken_up_after_the_last_event(client: Client, fake: Fake) -> None:
    fake.on("GET", "/events", stream(fact(4, "A"), fact(5, "B")), BROKEN, stream(fact(6, "C")))
    found = [event.event for event in islice(client.follow("/events", after="3"), 3)]
    assert found == ["A", "B", "C"]
    assert [asked.headers["Last-Event-ID"] for asked in fake.asked] == ["3", "5", "5"]


def test_a_stream_lost_before_its_first_event_goes_on_from_where_it_began(client: Client, fake: Fake) -> None:
    fake.on("GET", "/events", Answer(200, "id: 41\n\n"), stream(fact(42, "A")))
    assert next(client.follow("/events")).id == "42"
    assert [asked.headers.get("Last-Event-ID") for asked in fake.asked] == [None, "41"]


def test_a_stream_of_a_house_that_has_just_started_is_waited_for(client: Client, fake: Fake) -> None:
    fake.on("GET", "/events", problem(409, "ahead-of-history", "Too early."), stream(fact(9, "A")))
    assert next(client.follow("/events", after="8")).id == "9"


def test_a_stream_that_is_refused_is_not_asked_for_again(client: Client, fake: Fake) -> None:
    fake.on("GET", "/events", problem(401, "token-unknown", "No."))
    with pytest.raises(Failure, match=r"No\."):
        next(client.follow("/events"))
    assert len(fake.asked) == 1


def test_a_stream_is_given_up_when_its_server_stays_away(client: Client, fake: Fake, clock: Clock) -> None:
    fake.on("GET", "/events", stream(fact(1, "A")), BROKEN)
    events = client.follow("/events")
    next(events)
    with pytest.raises(Failure) as found:
        next(events)
    assert found.value.code == "unreachable"
    assert clock.now >= 60


@pytest.mark.parametrize(("name", "path"), [("shop", "shop"), ("c1.eu-1", "c1.eu-1"), ("build:7", "build%3A7")])
def test_a_name_is_one_segment_of_a_path(name: str, path: str) -> None:
    assert segment(name) == path


@pytest.mark.parametrize("name", ["; rm -rf /", "a/b", "..", ".", "", "a b", "a?b", "ü", "\udcff", "a\n", "x" * 201])
def test_what_no_name_can_be_is_said_and_not_asked_for(name: str) -> None:
    with pytest.raises(Failure, match="is not a valid name") as found:
        segment(name)
    assert (found.value.code, found.value.exit_code) == ("name-invalid", Exit.USAGE)


def test_a_line_separator_in_what_others_wrote_makes_no_event(client: Client, fake: Fake) -> None:
    said = "x\u2028id: 999999\u2028\u2028\x85"
    raw = json.dumps(fact(5, "A", message=said), ensure_ascii=False)
    fake.on("GET", "/events", Answer(200, f"id: 5\nevent: A\ndata: {raw}\n\n"), stream(fact(6, "B")))
    first, second = islice(client.follow("/events"), 2)
    assert (first.document()["data"]["message"], second.event) == (said, "B")
    assert [asked.headers.get("Last-Event-ID") for asked in fake.asked] == [None, "5"]
