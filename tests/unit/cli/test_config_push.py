"""`ownstack config:push`: dotenv files as python-dotenv reads them, to several apps; bad lines are named, not shown."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import dotenv
import pytest
from tests.unit.cli.conftest import Run
from tests.unit.cli.fake import Fake, admitted, ok, problem
from tests.unit.cli.test_config import CANARY, kept, on, released, variable, waits

from ownstack.exits import Failure
from ownstack.giving import of_file

FILE = """
# a comment, and an empty line

export NAME=shop # said aside
QUOTED="two
lines, and \\"quotes\\""
RAW='as $IT stands \\n'
HASH=a#b
EMPTY=
SPACED = x y\x20\x20
URL=postgres://u:p@h/d?a=b
REFERS=${NAME}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "prod.env"
    made.write_text(f"A={CANARY}\nB=2\n")
    return made


def test_a_file_is_read_as_python_dotenv_reads_it(tmp_path: Path) -> None:
    (tmp_path / "env").write_text(FILE)
    read = of_file(str(tmp_path / "env"))
    assert read.values == dict(dotenv.dotenv_values(stream=io.StringIO(FILE)))
    assert (read.values["QUOTED"], read.values["REFERS"], read.twice) == ('two\nlines, and "quotes"', "shop", [])


REFERRING = "A=1\nB=${A}/${HERE}\nC=${NOWHERE:-else} ${NOWHERE}\nA=2\nD='${A} $A'\nE=${F}\nF=3\n"


def test_what_a_value_refers_to_is_taken_from_the_file_or_else_from_the_environment(
    fake: Fake, ownstack: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HERE", "there")
    monkeypatch.setenv("A", "of the environment")
    (tmp_path / "env").write_text(REFERRING)
    kept(fake, on())
    assert ownstack("config:push", "--file", str(tmp_path / "env"), "--app", "shop").code == 0
    expanded = {"A": "2", "B": "1/there", "C": "else ", "D": "2 $A", "E": "", "F": "3"}
    assert fake.asked[0].body["values"] == expanded


def test_unless_it_is_to_be_taken_literally(fake: Fake, ownstack: Run, tmp_path: Path) -> None:
    (tmp_path / "env").write_text(REFERRING)
    kept(fake, on())
    assert ownstack("config:push", "--file", str(tmp_path / "env"), "--app", "shop", "--literal").code == 0
    sent = fake.asked[0].body["values"]
    assert sent == dict(dotenv.dotenv_values(stream=io.StringIO(REFERRING), interpolate=False))
    assert (sent["B"], sent["C"]) == ("${A}/${HERE}", "${NOWHERE:-else} ${NOWHERE}")


def test_what_can_be_no_dotenv_file_is_not_read_to_its_end(fake: Fake, ownstack: Run) -> None:
    ended = ownstack("config:push", "--file", "/dev/zero", "--app", "shop")
    assert (ended.code, fake.asked, "/dev/zero is larger than 1 MiB" in ended.err) == (2, [], True)


def test_more_variables_than_an_app_may_have_are_not_pushed(fake: Fake, ownstack: Run, tmp_path: Path) -> None:
    (tmp_path / "env").write_text("".join(f"A{n}=1\n" for n in range(501)))
    ended = ownstack("config:push", "--file", str(tmp_path / "env"), "--app", "shop")
    assert (ended.code, fake.asked, "at most 500" in ended.err) == (2, [], True)


def test_what_pruning_has_unset_is_listed(fake: Fake, ownstack: Run, file: Path) -> None:
    elsewhere = [variable("X", review=True), variable("Y", "eu-1")]
    before = ok({"variables": [*elsewhere, *(variable(name) for name in ("A", "Y", "X"))]})
    after = ok({"variables": [*elsewhere, variable("A"), variable("B")]})
    fake.on("GET", "/apps/shop/config", before, after, before, after)
    kept(fake, on())
    plain, json = (
        ownstack("config:push", "--file", str(file), "--app", "shop", "--prune", *more) for more in ((), ("--json",))
    )
    assert plain.out.splitlines()[1] == "Unset: X, Y."
    assert json.json["apps"][0]["unset"] == ["X", "Y"]


def test_the_lines_of_windows_and_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    (tmp_path / "env").write_bytes(b"\xef\xbb\xbfA=1\r\nB='x\r\ny'\r\n")
    assert of_file(str(tmp_path / "env")).values == {"A": "1", "B": "x\r\ny"}


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (f"A=1\n\n\n{CANARY}\n", 4),
        (f"A=1\n='{CANARY}'\n", 2),
        (f'A=1\nB="{CANARY}\nC=2\n', 2),
        (f"A=1\n# x\n\nB='{CANARY}' {CANARY}\n", 4),
        (f"KEY=-----BEGIN KEY-----\n{CANARY}\n-----END KEY-----\n", 2),
        (f"\r\n\r\n1{CANARY}=x\r\n", 3),
        (f"A=1\nB=2\0{CANARY}\n", None),
        (f"A=1\n{CANARY}=\n", 2),
    ],
    ids=repr,
)
def test_a_line_that_can_not_be_read_is_named_and_not_shown(
    fake: Fake, ownstack: Run, tmp_path: Path, content: str, line: int | None
) -> None:
    (tmp_path / "env").write_bytes(content.encode())
    ended = ownstack("config:push", "--file", str(tmp_path / "env"), "--app", "shop")
    assert (ended.code, fake.asked, CANARY in ended.err) == (2, [], False)
    assert line is None or f"line {line} " in ended.err


@pytest.mark.parametrize("name", ["1BAD", "FOO-BAR", "Ü", "export A.B"])
def test_a_name_that_is_none_is_said_to_be_and_which_there_may_be(tmp_path: Path, name: str) -> None:
    (tmp_path / "env").write_text(f"A=1\n{name}={CANARY}\n")
    with pytest.raises(Failure, match="line 2 has a name before its `=` that no variable can have") as raised:
        of_file(str(tmp_path / "env"))
    assert "Names are of letters (A to Z, a to z), digits and underscores" in (raised.value.hint or "")


@pytest.mark.parametrize(
    "line", [f'B="{CANARY}', f"B='{CANARY}", f'export B = "{CANARY}\\"', "B='a\\'b", f'B=\'{CANARY}\nC="2"']
)
def test_a_quote_that_is_not_closed_is_said_to_be(tmp_path: Path, line: str) -> None:
    (tmp_path / "env").write_text(f"A=1\n{line}\n")
    with pytest.raises(Failure, match="line 2 opens a quote that is not closed"):
        of_file(str(tmp_path / "env"))


@pytest.mark.parametrize("line", ["B='a' 'b", 'B="a" b', "B=it's", "B=a'b\"c", "# B='"])
def test_a_quote_elsewhere_is_not_said_to_be_open(tmp_path: Path, line: str) -> None:
    (tmp_path / "env").write_text(f"A=1\n{line}\n")
    try:
        of_file(str(tmp_path / "env"))
    except Failure as failure:
        assert "quote that" not in failure.message  # noqa: PT017 - some can be read


def test_a_name_without_a_value_is_no_variable_and_may_be_a_line_of_a_key(tmp_path: Path) -> None:
    (tmp_path / "env").write_text("A=1\nMIIEvQIBADANBgkqhkiG9w0\n")
    with pytest.raises(Failure, match=r"line 2 can't be read") as raised:
        of_file(str(tmp_path / "env"))
    assert "MIIE" not in str(raised.value)


def test_what_is_not_written_in_utf_8_is_said_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "env").write_bytes(b"A=1\nB=caf\xe9\n")
    with pytest.raises(Failure, match="is not written in UTF-8: see line 2"):
        of_file(str(tmp_path / "env"))


@pytest.mark.parametrize("content", ["", "# nothing\n\n"])
def test_a_file_without_variables_is_not_pushed_as_it_would_unset_all(
    fake: Fake, ownstack: Run, tmp_path: Path, content: str
) -> None:
    (tmp_path / "env").write_text(content)
    ended = ownstack("config:push", "--file", str(tmp_path / "env"), "--app", "shop", "--prune")
    assert (ended.code, fake.asked) == (2, [])


@pytest.mark.parametrize("name", ["missing.env", "."])
def test_a_file_that_can_not_be_read_is_said(fake: Fake, ownstack: Run, tmp_path: Path, name: str) -> None:
    ended = ownstack("config:push", "--file", str(tmp_path / name), "--app", "shop", "--json")
    assert (ended.code, ended.error["code"], fake.asked) == (2, "dotenv-unreadable", [])


def test_a_variable_that_is_given_twice_has_its_last_value_and_that_is_said(
    fake: Fake, ownstack: Run, tmp_path: Path
) -> None:
    (tmp_path / "env").write_text("A=1\nB=1\nA=2\nA=3\n")
    kept(fake, on())
    ended = ownstack("config:push", "--file", str(tmp_path / "env"), "--app", "shop")
    assert fake.asked[0].body["values"] == {"A": "3", "B": "1"}
    assert ended.err == "A: given more than once in the file; the last value is taken.\n"


def two(fake: Fake) -> None:
    """shop has nothing that runs; blog neither."""
    kept(fake, on())
    fake.on("PATCH", "/apps/blog/config", admitted("ConfigSet", 12, name="c2"))
    fake.on("GET", "/apps/blog", ok(on()))


def pushed(fake: Fake) -> list[tuple[str, Any]]:
    return [(asked.path.split("/")[4], asked.body) for asked in fake.asked if asked.method == "PATCH"]


def test_it_is_pushed_to_one_app_after_the_other_as_it_is_typed(fake: Fake, ownstack: Run, file: Path) -> None:
    two(fake)
    ended = ownstack("config:push", f"--file={file}", "--app", "shop", "--app", "blog", "--app", "shop")
    assert (ended.code, ended.err, CANARY in ended.out) == (0, "", False)
    body = {"values": {"A": CANARY, "B": "2"}, "secret": True, "deploy": True}
    assert pushed(fake) == [("shop", body), ("blog", body)]
    assert ended.out.splitlines() == [
        f"shop: 2 variables of {file}, for all its stacks.",
        "Nothing of shop runs there yet: its first deployment has it.",
        f"blog: 2 variables of {file}, for all its stacks.",
        "Nothing of blog runs there yet: its first deployment has it.",
    ]


def test_what_is_chosen_is_sent(fake: Fake, ownstack: Run, file: Path) -> None:
    two(fake)
    for app in ("shop", "blog"):
        fake.on("GET", f"/apps/{app}/config", ok({"variables": []}))
    options = ("--stack", "eu-1", "--prune", "--plain", "--no-deploy", "--id", "build-7")
    ended = ownstack("config:push", "--file", str(file), "--app", "shop", "--app", "blog", *options)
    chosen = {"stack": "eu-1", "prune": True, "secret": False, "deploy": False}
    assert pushed(fake)[0][1] == {"values": {"A": CANARY, "B": "2"}, **chosen}
    ids = [asked.headers["Idempotency-Key"] for asked in fake.asked if asked.method == "PATCH"]
    assert ids == ["build-7.shop", "build-7.blog"]
    assert "2 variables of" in ended.out
    assert "on eu-1 alone, and no others." in ended.out


def test_standard_input_is_a_file_too(fake: Fake, ownstack: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    two(fake)
    monkeypatch.setattr("sys.stdin", io.StringIO("A=1\n"))
    ended = ownstack("config:push", "--file", "-", "--app", "shop")
    assert (ended.code, pushed(fake)[0][1]["values"]) == (0, {"A": "1"})
    assert ended.out.startswith("shop: 1 variable of standard input, for all its stacks.\n")


def test_a_push_that_one_app_refuses_goes_on_with_the_next_and_fails(fake: Fake, ownstack: Run, file: Path) -> None:
    fake.on("PATCH", "/apps/shop/config", problem(404, "app-unknown", "There is no app 'shop'."))
    fake.on("PATCH", "/apps/blog/config", admitted("ConfigSet", 12, name="c2"))
    fake.on("GET", "/apps/blog", ok(on()))
    words = ("config:push", "--file", str(file), "--app", "shop", "--app", "blog")
    plain, json = ownstack(*words), ownstack(*words, "--json")
    assert (plain.code, json.code) == (1, 1)
    assert plain.err == "error: There is no app 'shop'.\n"
    shop, blog = json.json["apps"]
    assert (shop["error"]["code"], shop["exit"], shop["command"]) == ("app-unknown", 3, None)
    assert (blog["error"], blog["exit"], blog["kept"], blog["command"]["id"]) == (None, 0, "nothing-runs", "c2")
    assert ownstack(*words[:-2]).code == 3


def test_of_a_refusal_it_is_said_which_app_it_is_of(fake: Fake, ownstack: Run, file: Path) -> None:
    fake.on("PATCH", "/apps/shop/config", problem(409, "config-too-large", "Too many.", "Fewer."))
    ended = ownstack("config:push", "--file", str(file), "--app", "shop")
    assert (ended.code, ended.err) == (3, "error: shop: Too many.\nhint: Fewer.\n")


def test_a_release_that_fails_makes_the_push_fail(fake: Fake, ownstack: Run, file: Path) -> None:
    released(fake, "failed", states={"eu-1": "failed"})
    ended = ownstack("config:push", "--file", str(file), "--app", "shop", "--json")
    assert (ended.code, [app["exit"] for app in ended.json["apps"]], ended.json["twice"]) == (1, [1], [])


def test_a_release_that_waits_and_has_it_is_waited_for_and_makes_the_push_fail(
    fake: Fake, ownstack: Run, file: Path
) -> None:
    kept(fake, on(("eu-1", "live", True), queue=("c9",)))
    waits(fake, "failed")
    ended = ownstack("config:push", "--file", str(file), "--app", "shop", "--json")
    (app,) = ended.json["apps"]
    assert (ended.code, app["exit"], app["queued"], app["rollout"]["status"]) == (1, 1, "c9", "failed")


def test_a_change_whose_release_failed_before_it_could_be_watched_makes_the_push_fail(
    fake: Fake, ownstack: Run, file: Path
) -> None:
    kept(fake, on(("eu-1", "live", True)))
    ended = ownstack("config:push", "--file", str(file), "--app", "shop", "--json")
    (app,) = ended.json["apps"]
    assert (ended.code, app["exit"], app["kept"], app["rollout"]) == (1, 1, "outdated", None)


def test_when_the_server_can_not_be_asked_the_rest_is_not_tried(fake: Fake, ownstack: Run, file: Path) -> None:
    fake.on("PATCH", "/apps/shop/config", problem(401, "token-unknown", "This token is not known."))
    ended = ownstack("config:push", "--file", str(file), "--app", "shop", "--app", "blog", "--json")
    assert (ended.code, len(fake.asked)) == (4, 1)
    assert [app["error"]["code"] for app in ended.json["apps"]] == ["token-unknown", "token-unknown"]


def test_ctrl_c_says_to_which_apps_it_was_not_pushed(
    fake: Fake, ownstack: Run, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    released(fake)
    monkeypatch.setattr("ownstack.client.Client.follow", interrupted)
    ended = ownstack("config:push", "--file", str(file), "--app", "shop", "--app", "blog", "--app", "wiki")
    assert ended.code == 130
    assert ended.err.splitlines() == [
        "It goes on without you. To see how: ownstack app info shop",
        "Not pushed to blog, wiki.",
    ]
