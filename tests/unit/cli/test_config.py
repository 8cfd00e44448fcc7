"""`ownstack config` and `config:…`: what is sent, what is shown, and that no value is ever said but by `config:get`."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from tests.unit.cli.checks import Terminal
from tests.unit.cli.conftest import Run
from tests.unit.cli.fake import Fake, accepted, admitted, fact, ok, page, problem, stream
from tests.unit.cli.test_commands import APP, deployed, rollout

CANARY = "c4n4ry-v4lue"


def variable(name: str, stack: str | None = None, fingerprint: str = "a" * 32, **more: Any) -> dict[str, Any]:
    about = {"name": name, "stack": stack, "review": False, "secret": True, "fingerprint": fingerprint}
    return {**about, "actor": "token:ada", "at": 1_000, "sequence": 7, **more}


def has(fake: Fake, app: str, *variables: dict[str, Any]) -> dict[str, Any]:
    view = {"app": app, "app_id": f"{app}.1", "variables": list(variables)}
    fake.on("GET", f"/apps/{app}/config", ok(view))
    return view


def on(*stacks: tuple[str, str, bool], queue: tuple[str, ...] = ()) -> dict[str, Any]:
    """An app on stacks, each given by its name, its status, and whether its config is outdated there."""
    return {
        **APP,
        "queue": list(queue),
        "stacks": [
            {**APP["stacks"][1], "stack": stack, "status": status, "config_outdated": outdated}  # type: ignore[index]
            for stack, status, outdated in stacks
        ],
    }


def released(fake: Fake, status: str = "succeeded", **more: Any) -> None:
    """A change of config of shop is released as c1."""
    begun = rollout(kind="deploy", source=None, source_release=None, config_change=True)
    fake.on("PATCH", "/apps/shop/config", admitted("ConfigSet", 10, "c1"))
    fake.on("GET", "/rollouts/c1", ok(begun), ok({**begun, **rollout(status, kind="deploy", source=None, **more)}))
    ends = {"succeeded": "DeploySucceeded", "failed": "DeployFailed"}
    end = [fact(30, ends[status], rollout="c1")] if status in ends else []
    fake.on("GET", "/events", stream(*deployed("eu-1", 11), *deployed("us-1", 14), *end))


def kept(fake: Fake, app: dict[str, Any]) -> None:
    """A change of config that is not released; shop is as said then."""
    fake.on("PATCH", "/apps/shop/config", admitted("ConfigSet", 10))
    fake.on("GET", "/apps/shop", ok(app))


def waits(fake: Fake, status: str) -> None:
    """c9 is a deployment of shop that waits and ends so; c7 is a promotion, and c8 goes to another stack."""
    deployment: dict[str, Any] = {"kind": "deploy", "source": None, "source_release": None, "config_change": True}
    fake.on("GET", "/rollouts/c7", ok(rollout("queued", id="c7", states={"eu-1": "pending"})))
    fake.on("GET", "/rollouts/c8", ok(rollout("queued", id="c8", states={"us-1": "pending"}, **deployment)))
    about = {"id": "c9", "states": {"eu-1": "pending"}, **deployment}
    queued = ok(rollout("queued", release=None, image=None, behind="c0", **about))
    fake.on("GET", "/rollouts/c9", queued, queued, ok(rollout(status, **about)))
    ends = {"succeeded": "DeploySucceeded", "failed": "DeployFailed", "superseded": "DeploySuperseded"}
    fake.on("GET", "/events", stream(fact(30, ends[status], rollout="c9")))


SCOPES: list[tuple[tuple[str, ...], dict[str, Any], str]] = [
    ((), {}, "for all its stacks"),
    (("--stack", "eu-1"), {"stack": "eu-1"}, "on eu-1 alone"),
    (("--review",), {"review": True}, "for its review apps"),
    (("--plain",), {"secret": False}, "for all its stacks"),
    (("--no-deploy",), {"deploy": False}, "for all its stacks"),
]


class TestSetting:
    """`config:set`."""

    @pytest.mark.parametrize(("options", "body", "said"), SCOPES, ids=str)
    def test_variables_are_sent_for_what_they_are(
        self, fake: Fake, ownstack: Run, options: tuple[str, ...], body: dict[str, Any], said: str
    ) -> None:
        kept(fake, on())
        ended = ownstack("config:set", "shop", "A=1", "URL=postgres://a=b", "EMPTY=", *options)
        assert (ended.code, ended.err) == (0, "")
        values = {"A": "1", "URL": "postgres://a=b", "EMPTY": ""}
        assert fake.asked[0].body == {"values": values, "secret": True, "deploy": True, **body}
        assert ended.out.splitlines()[0] == f"shop: A, URL and EMPTY set {said}."

    def test_a_change_that_is_released_is_watched_as_a_deployment_is(self, fake: Fake, ownstack: Run) -> None:
        released(fake)
        ended = ownstack("config:set", "shop", f"A={CANARY}")
        assert (ended.code, CANARY in ended.out + ended.err) == (0, False)
        lines = ended.out.splitlines()
        assert lines[:2] == ["shop: A set for all its stacks.", "shop v3 aaaaaaa, with its new config"]
        assert "  ✓ us-1  succeeded" in lines
        assert fake.to("/events")[0].headers["Last-Event-ID"] == "10"

    def test_one_that_does_not_come_to_a_stack_fails(self, fake: Fake, ownstack: Run) -> None:
        released(fake, "failed", states={"eu-1": "failed"}, message="It did not come to eu-1.")
        plain, json = ownstack("config:set", "shop", "A=1"), ownstack("config:set", "shop", "A=1", "--json")
        assert (plain.code, json.code, json.json["rollout"]["status"]) == (1, 1, "failed")
        assert "ownstack retry shop --stack eu-1" in plain.err

    @pytest.mark.parametrize(
        ("options", "app", "code", "said"),
        [
            ((), on(("eu-1", "nothing", False)), "nothing-runs", "Nothing of shop runs there yet"),
            (("--stack", "us-1"), on(("eu-1", "live", True), ("us-1", "nothing", False)), "nothing-runs", "Nothing of"),
            ((), on(("eu-1", "live", False)), "same", "shop runs with these values already"),
            (("--no-deploy",), on(("eu-1", "live", True)), "no-deploy", "The next release of shop has it."),
            (("--review",), on(("eu-1", "live", True)), "review", "What is cloned of shop from now on has it."),
        ],
        ids=str,
    )
    def test_of_one_that_is_not_released_it_is_said_why(
        self, fake: Fake, ownstack: Run, options: tuple[str, ...], app: dict[str, Any], code: str, said: str
    ) -> None:
        kept(fake, app)
        plain, json = (
            ownstack("config:set", "shop", "A=1", *options),
            ownstack("config:set", "shop", "A=1", *options, "--json"),
        )
        assert (plain.code, json.code) == (0, 0)
        assert plain.out.splitlines()[1].startswith(said)
        assert (json.json["kept"], json.json["queued"], json.json["rollout"]) == (code, None, None)
        assert json.json["command"]["id"] == "c1"

    @pytest.mark.parametrize(("status", "code"), [("succeeded", 0), ("failed", 1), ("superseded", 1)])
    def test_a_release_that_waits_and_has_it_is_watched_as_one_of_its_own(
        self, fake: Fake, ownstack: Run, status: str, code: int
    ) -> None:
        kept(fake, on(("eu-1", "live", True), queue=("c7", "c8", "c9")))
        waits(fake, status)
        plain = ownstack("config:set", "shop", "A=1")
        assert (plain.code, plain.out.splitlines()[1:4]) == (
            code,
            [
                "The release of shop that waits for its turn has it.",
                "shop, with its new config",
                "  waits for c0, which is under way",
            ],
        )
        assert plain.out.splitlines()[-1] == f"{status} in 2.5s"
        assert fake.to("/events")[0].headers["Last-Event-ID"] == "10"

    def test_for_programs_it_is_named_and_said_how_it_ended(self, fake: Fake, ownstack: Run) -> None:
        kept(fake, on(("eu-1", "live", True), queue=("c7", "c8", "c9")))
        waits(fake, "failed")
        json = ownstack("config:set", "shop", "A=1", "--json").json
        assert (json["kept"], json["queued"], json["command"]["id"]) == ("queued", "c9", "c1")
        assert (json["rollout"]["id"], json["rollout"]["status"]) == ("c9", "failed")

    @pytest.mark.parametrize("queue", [(), ("c7", "c8")])
    def test_one_that_has_begun_since_is_watched_too(self, fake: Fake, ownstack: Run, queue: tuple[str, ...]) -> None:
        kept(fake, {**on(("eu-1", "live", True), queue=queue), "rollout": "c9"})
        waits(fake, "failed")
        ended = ownstack("config:set", "shop", "A=1")
        assert (ended.code, ended.out.splitlines()[1]) == (1, "The release of shop that is under way has it.")

    def test_one_that_goes_to_other_stacks_has_nothing_to_do_with_it(self, fake: Fake, ownstack: Run) -> None:
        kept(fake, {**on(("eu-1", "live", True)), "rollout": "c8"})
        waits(fake, "failed")
        ended = ownstack("config:set", "shop", "A=1", "--json")
        assert ended.code == 1
        assert (ended.json["kept"], ended.json["queued"], ended.json["rollout"]) == ("outdated", None, None)

    def test_one_whose_release_failed_before_it_could_be_watched_has_failed(self, fake: Fake, ownstack: Run) -> None:
        kept(fake, on(("eu-1", "live", True)))
        ended = ownstack("config:set", "shop", "A=1")
        said = "eu-1 still runs with the config from before: ownstack app info shop"
        assert (ended.code, ended.out.splitlines()[1]) == (1, said)

    def test_nobody_waits_who_does_not_want_to(self, fake: Fake, ownstack: Run) -> None:
        fake.on("PATCH", "/apps/shop/config", accepted("ConfigSet"))
        plain, json = (ownstack("config:set", "shop", "A=1", "--no-wait", *more) for more in ((), ("--json",)))
        assert (plain.code, plain.out) == (0, "Sent: ConfigSet c1\n")
        assert (json.json["command"]["status"], json.json["rollout"], json.json["kept"]) == ("accepted", None, None)

    def test_ctrl_c_says_that_it_goes_on_and_how_to_see_it(
        self, fake: Fake, ownstack: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def interrupted(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        released(fake)
        monkeypatch.setattr("ownstack.client.Client.follow", interrupted)
        ended = ownstack("config:set", "shop", "A=1")
        assert (ended.code, "ownstack app info shop" in ended.err) == (130, True)

    @pytest.mark.parametrize(("piped", "value"), [(f"{CANARY}\n", CANARY), ("a\nb\r\n", "a\nb"), ("\n\n", "\n")])
    def test_a_value_can_be_piped_so_that_it_stands_in_no_history_of_a_shell(
        self, fake: Fake, ownstack: Run, monkeypatch: pytest.MonkeyPatch, piped: str, value: str
    ) -> None:
        monkeypatch.setattr("sys.stdin", io.StringIO(piped, newline=""))
        kept(fake, on())
        ended = ownstack("config:set", "shop", "B=1", "A", "--stdin")
        assert (ended.code, fake.asked[0].body["values"]) == (0, {"B": "1", "A": value})
        assert CANARY not in ended.out + ended.err

    @pytest.mark.parametrize("piped", ["", "\n"])
    def test_where_nothing_is_piped_nothing_is_sent_and_how_to_say_an_empty_value_is(
        self, fake: Fake, ownstack: Run, monkeypatch: pytest.MonkeyPatch, piped: str
    ) -> None:
        monkeypatch.setattr("sys.stdin", io.StringIO(piped, newline=""))
        ended = ownstack("config:set", "shop", "B=1", "A", "--stdin")
        assert (ended.code, fake.asked) == (2, [])
        assert ended.err.splitlines()[1] == "hint: ownstack config:set shop A="

    def test_more_is_not_read_than_a_config_can_be(
        self, fake: Fake, ownstack: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("sys.stdin", io.StringIO("x" * (1024 * 1024 + 1)))
        ended = ownstack("config:set", "shop", "A", "--stdin")
        assert (ended.code, fake.asked, "Standard input is larger than 1 MiB" in ended.err) == (2, [], True)

    def test_more_variables_than_an_app_may_have_are_not_sent(self, fake: Fake, ownstack: Run) -> None:
        ended = ownstack("config:set", "shop", *(f"A{n}=1" for n in range(501)))
        assert (ended.code, fake.asked) == (2, [])
        assert ended.err.startswith("error: 501 variables are given; an app has at most 500.\n")

    def test_on_a_terminal_it_is_asked_for(self, fake: Fake, ownstack: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("sys.stdin", Terminal())
        monkeypatch.setattr("typer.prompt", lambda text, **options: CANARY if options["hide_input"] else text)
        kept(fake, on())
        assert ownstack("config:set", "shop", "A", "--stdin").code == 0
        assert fake.asked[0].body["values"] == {"A": CANARY}


@pytest.mark.parametrize(
    "arguments",
    [
        ("config:set", "shop"),
        ("config:set", "shop", CANARY),
        ("config:set", "shop", "A", CANARY),
        ("config:set", "shop", f"1A={CANARY}"),
        ("config:set", "shop", f"={CANARY}"),
        ("config:set", "shop", f"A-B={CANARY}"),
        ("config:set", "shop", "A=1", f"A={CANARY}"),
        ("config:set", "shop", f"A={CANARY}\udcff"),
        ("config:set", "shop", f"A={CANARY}", "--stdin"),
        ("config:set", "shop", "A", "B", f"C={CANARY}", "--stdin"),
        ("config:set", "shop", f"A={CANARY}", "--stack", "eu-1", "--review"),
        ("config:set", "shop", f"A={CANARY}", "--stakc", "eu-1"),
        ("config:set", "../shop", f"A={CANARY}"),
        ("config:unset", "shop", f"A={CANARY}"),
        ("config:unset", "shop"),
        ("config:get", "shop", f"A={CANARY}"),
        ("config:get", "shop", "A", f"B={CANARY}"),
        ("config:get", "shop", "A", "--stack", "eu-1", "--review"),
        ("config", "shop", f"A={CANARY}"),
        ("config:diff", "shop"),
        ("config:push", "--app", "shop"),
    ],
)
def test_what_makes_no_sense_is_not_sent_and_no_value_in_it_is_repeated(
    fake: Fake, ownstack: Run, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(CANARY))
    plain, json = ownstack(*arguments), ownstack(*arguments, "--json")
    assert (plain.code, json.code, fake.asked) == (2, 2, [])
    assert plain.err.startswith("error: ")
    assert CANARY not in plain.out + plain.err + json.out + json.err


def test_what_the_server_refuses_is_said(fake: Fake, ownstack: Run) -> None:
    fake.on("PATCH", "/apps/shop/config", problem(409, "config-too-large", "Too many.", "Fewer."))
    ended = ownstack("config:set", "shop", f"A={CANARY}")
    assert (ended.code, ended.out, ended.err) == (3, "", "error: Too many.\nhint: Fewer.\n")


def test_variables_are_unset(fake: Fake, ownstack: Run) -> None:
    kept(fake, on())
    ended = ownstack("config:unset", "shop", "A", "B", "A", "--stack", "eu-1")
    assert (ended.code, ended.out.splitlines()[0]) == (0, "shop: A and B unset on eu-1 alone.")
    assert fake.asked[0].method == "PATCH"
    assert fake.asked[0].body == {"values": {"A": None, "B": None}, "secret": True, "deploy": True, "stack": "eu-1"}


@pytest.mark.parametrize(
    ("options", "query"), [((), ""), (("--stack", "eu-1"), "stack=eu-1"), (("--review",), "review=true")]
)
def test_a_value_is_printed_alone(fake: Fake, ownstack: Run, options: tuple[str, ...], query: str) -> None:
    view = {"name": "A", "value": "x \x1b[2J\n  y", "stack": None, "review": False}
    fake.on("GET", "/apps/shop/config/A", ok(view))
    plain, json = ownstack("config:get", "shop", "A", *options), ownstack("config:get", "shop", "A", *options, "--json")
    assert (plain.code, plain.out, plain.err) == (0, "x \x1b[2J\n  y\n", "")
    assert (json.json, fake.asked[0].query) == (view, query)


def test_on_a_terminal_nothing_in_a_value_is_obeyed(fake: Fake, ownstack: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    fake.on("GET", "/apps/shop/config/A", ok({"name": "A", "value": "x\x1b[2J\ny", "stack": None, "review": False}))
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    assert ownstack("config:get", "shop", "A").out == "x\\x1b[2J\ny\n"


def test_a_variable_that_is_not_there_is_no_empty_one(fake: Fake, ownstack: Run) -> None:
    fake.on("GET", "/apps/shop/config/A", problem(404, "variable-unknown", "shop has no A.", "ownstack config shop"))
    assert (ownstack("config:get", "shop", "A").code, ownstack("config:get", "shop", "A").out) == (3, "")


EVERYTHING = [
    variable("A"),
    variable("B", secret=False, fingerprint="b" * 32),
    variable("A", "eu-1", "c" * 32),
    variable("C", "eu-1"),
    variable("D", review=True),
]


def test_all_variables_are_listed_and_which_of_them_override_others(fake: Fake, ownstack: Run) -> None:
    view = has(fake, "shop", *EVERYTHING)
    plain, json = ownstack("config", "shop"), ownstack("config", "shop", "--json")
    assert (plain.code, plain.err, json.json) == (0, "", view)
    rows = [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in plain.out.splitlines()]
    assert [row[:4] for row in rows] == [
        ["VARIABLE", "FOR", "KIND", "FINGERPRINT"],
        ["A", "all stacks but eu-1", "secret", "aaaaaaaa"],
        ["B", "all stacks", "plain", "bbbbbbbb"],
        ["A", "eu-1 (overrides that for all stacks)", "secret", "cccccccc"],
        ["C", "eu-1", "secret", "aaaaaaaa"],
        ["D", "review apps", "secret", "aaaaaaaa"],
    ]
    assert rows[1][4] == "token:ada"


def test_of_one_stack_those_are_listed_that_the_app_has_there(fake: Fake, ownstack: Run) -> None:
    has(fake, "shop", *EVERYTHING)
    fake.on("GET", "/apps/shop", ok(on(("eu-1", "live", False), ("us-1", "live", False))))
    eu, us = (ownstack("config", "shop", "--stack", stack, "--json").json["variables"] for stack in ("eu-1", "us-1"))
    assert [(v["name"], v["stack"]) for v in eu] == [("A", "eu-1"), ("B", None), ("C", "eu-1")]
    assert [(v["name"], v["stack"]) for v in us] == [("A", None), ("B", None)]
    shown = ownstack("config", "shop", "--stack", "eu-1").out
    assert "eu-1 (overrides that for all stacks)" in shown


def test_a_stack_that_an_app_is_not_on_is_said_to_be_wrong(fake: Fake, ownstack: Run) -> None:
    has(fake, "shop", *EVERYTHING)
    fake.on("GET", "/apps/shop", ok(on(("eu-1", "live", False))))
    ended = ownstack("config", "shop", "--stack", "eu1")
    assert (ended.code, ended.err) == (2, "error: shop is not on 'eu1'.\nhint: --stack eu-1\n")


def test_an_app_without_variables_says_how_to_set_one(fake: Fake, ownstack: Run) -> None:
    has(fake, "shop")
    fake.on("GET", "/apps/shop", ok(on(("eu-1", "live", False))))
    how = "To set one: ownstack config:set shop KEY=VALUE"
    assert ownstack("config", "shop").out == f"shop has no variables. {how}\n"
    assert ownstack("config", "shop", "--stack", "eu-1").out == f"shop has no variables on eu-1. {how}\n"


class TestComparing:
    """`config:diff`."""

    def test_what_differs_is_named_and_what_is_the_same_is_counted(self, fake: Fake, ownstack: Run) -> None:
        has(fake, "a", variable("ONE"), variable("SAME"), variable("X"), variable("R", review=True))
        has(fake, "b", variable("TWO"), variable("SAME"), variable("X", fingerprint="e" * 32), variable("S", "eu-1"))
        plain, json = ownstack("config:diff", "a", "b"), ownstack("config:diff", "a", "b", "--json")
        assert (plain.code, json.code) == (1, 1)
        shown = [re.split(r" {2,}", line.strip()) for line in plain.out.splitlines()]
        assert shown == [["differs", "X"], ["only in a", "ONE"], ["only in b", "TWO"], ["the same", "1 variable"]]
        assert plain.err == "b has values of its own on eu-1, not compared here: --stack\n"
        names = {"only_in_a": ["ONE"], "only_in_b": ["TWO"], "differs": ["X"], "same": ["SAME"]}
        assert json.json == {"a": "a", "b": "b", "stack": None, **names}

    def test_many_names_stand_one_below_the_other(self, fake: Fake, ownstack: Run) -> None:
        has(fake, "a", *(variable(f"V{n}") for n in range(9)))
        has(fake, "b")
        lines = ownstack("config:diff", "a", "b").out.splitlines()
        assert [line.split()[-1] for line in lines[:9]] == [f"V{n}" for n in range(9)]

    def test_equal_configs_are_said_to_be_equal(self, fake: Fake, ownstack: Run) -> None:
        has(fake, "a", variable("ONE"), variable("TWO"))
        has(fake, "b", variable("TWO"), variable("ONE"))
        ended = ownstack("config:diff", "a", "b")
        assert (ended.code, ended.out, ended.err) == (0, "a and b have the same config: 2 variables.\n", "")

    def test_on_a_stack_that_is_compared_which_each_has_there(self, fake: Fake, ownstack: Run) -> None:
        has(fake, "a", variable("ONE"))
        has(fake, "b", variable("ONE", fingerprint="f" * 32), variable("ONE", "eu-1"))
        for app in ("a", "b"):
            fake.on("GET", f"/apps/{app}", ok(on(("eu-1", "live", False))))
        assert (ownstack("config:diff", "a", "b").code, ownstack("config:diff", "a", "b", "--stack", "eu-1").code) == (
            1,
            0,
        )
        assert ownstack("config:diff", "a", "b", "--stack", "eu1").code == 2

    def test_an_app_that_is_not_there_is_no_difference(self, fake: Fake, ownstack: Run) -> None:
        has(fake, "a")
        fake.on("GET", "/apps/b/config", problem(404, "app-unknown", "There is no app 'b'."))
        assert ownstack("config:diff", "a", "b").code == 3


def test_the_history_names_the_variables_that_were_changed(fake: Fake, ownstack: Run) -> None:
    sealed = {"sealed": "v1.c2VhbGVk", "fingerprint": "a" * 32, "secret": True}
    change = fact(9, "ConfigSet", app="shop", stack="eu-1", values={"B": sealed, "A": sealed}, unset=["C"])
    fake.on("GET", "/history", page({"sequence": 9, "event": change}))
    assert "ConfigSet  app=shop stack=eu-1 set=B,A unset=C by token:test" in ownstack("history").out


def test_the_history_says_of_which_creation_of_an_app_the_config_was_erased(fake: Fake, ownstack: Run) -> None:
    erased = fact(9, "ConfigErased", app="shop", app_id="shop.1")
    fake.on("GET", "/history", page({"sequence": 9, "event": erased}))
    assert "ConfigErased  app=shop app_id=shop.1 by" in ownstack("history").out


@pytest.mark.parametrize("words", [("set", "shop", "A=1"), ("set", "shop"), ("set",)])
def test_whoever_types_a_space_for_a_colon_is_told_so(fake: Fake, ownstack: Run, words: tuple[str, ...]) -> None:
    fake.on("GET", "/apps/set/config", problem(404, "app-unknown", "There is no app 'set'.", "ownstack app list"))
    assert "hint: ownstack config:set --help\n" in ownstack("config", *words).err
    assert [asked.method for asked in fake.asked] == ["GET"] * (words == ("set",))


def test_where_a_config_is_outdated_it_is_said_what_brings_the_new_one(fake: Fake, ownstack: Run) -> None:
    view = on(("eu-1", "live", True))
    fake.on("GET", "/apps/shop", ok(view))
    fake.on("GET", "/apps", page(view))
    assert "ownstack config:set shop KEY=VALUE, brings the new one" in ownstack("app", "info", "shop").out
    assert "config outdated: ownstack app info shop" in ownstack("app", "list").out
