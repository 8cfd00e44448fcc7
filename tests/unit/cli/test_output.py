"""Output: for people, for files, for programs."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
from rich.console import Console
from tests.unit.cli.fake import TOKEN, Fake, page

from ownstack.exits import Exit, Failure
from ownstack.output import Output, safe, span, table


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ☃", "plain ☃"),
        ("a\tb", "a\tb"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\rb", "a\\rb"),
        ("\x9b", "\\x9b"),
        ("one\ntwo\r\n  three\n", "one | two | three"),
        ("a\u2028b\u2029c", "a\\u2028b\\u2029c"),
        ("txt.\u202egpj \u2066x\u2069 \u200e\u200f\u061c", "txt.\\u202egpj \\u2066x\\u2069 \\u200e\\u200f\\u061c"),
    ],
)
def test_control_characters_are_shown_not_obeyed(text: str, shown: str) -> None:
    assert safe(text) == shown


@pytest.mark.parametrize(
    ("start", "end", "text"), [(0, 900, "0.9s"), (0, 61_000, "1m01s"), (5, None, None), (None, 5, None), (9, 5, "0.0s")]
)
def test_spans_are_short(start: int | None, end: int | None, text: str | None) -> None:
    assert span(start, end) == text


def test_a_narrow_terminal_wraps_and_cuts_nothing() -> None:
    file = io.StringIO()
    Console(file=file, width=24).print(table(("APP", "LIVE"), [("shop-staging", "deployed v12 abcdefg")]))
    printed = file.getvalue()
    assert max(len(line) for line in printed.splitlines()) <= 24
    assert sorted("".join(printed.split())) == sorted("APPLIVEshop-stagingdeployedv12abcdefg")


def test_a_failure_says_its_code_in_json_and_its_hint_to_people(capsys: pytest.CaptureFixture[str]) -> None:
    failure = Failure("a-code", "A sentence.", hint="Do this.", exit_code=Exit.REJECTED)
    Output(json=False).fail(failure)
    Output(json=True).fail(failure)
    plain, json = capsys.readouterr().err.rstrip("\n").rsplit("\n", 1)
    assert plain == "error: A sentence.\nhint: Do this."
    assert json == '{"error":{"code":"a-code","message":"A sentence.","hint":"Do this.","exit":3}}'


@pytest.mark.parametrize("text", ["\x9b2J", "\x7f", "\u202egpj", "\u2028", "\u200f"])
def test_json_has_nothing_that_a_terminal_would_obey(capsys: pytest.CaptureFixture[str], text: str) -> None:
    output = Output(json=True)
    output.document({"a": text})
    output.line({"a": text})
    output.fail(Failure("c", text))
    out, err = capsys.readouterr()
    assert text[0] not in out + err
    document, line = out[: out.index("}") + 1], out[out.index("}") + 1 :]
    assert orjson.loads(document) == orjson.loads(line) == {"a": text}
    assert orjson.loads(err)["error"]["message"] == text


def on_a_terminal(arguments: list[str], environment: dict[str, str]) -> str:
    """What a command prints on a terminal."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "ownstack.main", *arguments]
    with subprocess.Popen(
        command, stdout=theirs, stderr=theirs, stdin=theirs, env={**os.environ, **environment}
    ) as run:
        os.close(theirs)
        printed = b""
        while part := _read(ours):
            printed += part
        run.wait()
    os.close(ours)
    return printed.decode()


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65_536)
    except OSError:  # Linux says EIO when the other side of a terminal is gone
        return b""


@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
def test_colours_are_for_terminals_that_want_them(fake: Fake, no_color: str, *, coloured: bool) -> None:
    told = on_a_terminal(["app", "info", "x"], {"TERM": "xterm-256color", "NO_COLOR": no_color})
    assert ("\x1b[1;31m" in told, "error: " in told) == (coloured, True)


def test_whoever_stops_reading_ends_it_quietly(fake: Fake) -> None:
    app = {"name": "x" * 50, "summary": "s", "stacks": [], "pipeline": None}
    fake.on("GET", "/apps", page(*[app] * 5_000))
    command = f"'{sys.executable}' -m ownstack.main app list --json | head -c 10"
    environment = {**os.environ, "OWNSTACK_URL": fake.url, "OWNSTACK_TOKEN": TOKEN}
    ended = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, env=environment, check=False)
    assert ended.stderr == ""


IMPORTING = """
import signal, sys

class Presses:
    \"\"\"Ctrl-C while the modules of the CLI are imported.\"\"\"

    def find_spec(self, name, *_):
        if name == "ownstack.output":
            signal.raise_signal(signal.SIGINT)

sys.meta_path.insert(0, Presses())
import ownstack.main
"""


def test_ctrl_c_ends_it_quietly_also_while_it_starts() -> None:
    ended = subprocess.run([sys.executable, "-c", IMPORTING], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "")


def test_the_base_installation_starts_without_any_service(tmp_path: Path, run_alone: Callable[[str], str]) -> None:
    code = "from ownstack.main import assemble, main; assemble(main); import sys; print(*sys.modules)"
    loaded = run_alone(code).split()
    ours = {name.partition(".")[0] for name in loaded if name.startswith("ownstack")}
    assert ours <= {"ownstack", "ownstack_contracts"}
    assert not {"sqlalchemy", "fastapi", "uvicorn", "alembic", "pydantic_settings"} & set(loaded)


def test_the_help_is_shown_without_what_speaks_to_a_server(run_alone: Callable[[str], str]) -> None:
    shown = run_alone("from ownstack.main import main; main(['--help']); import sys; print(*sys.modules)")
    assert not {"httpx", "click", "pygments", "asyncio", "importlib.metadata"} & set(shown.split())


def test_a_server_is_asked_without_the_command_line_of_httpx(fake: Fake) -> None:
    code = "from ownstack.main import main; main(['app', 'list']); import sys; print(*sys.modules)"
    environment = {**os.environ, "OWNSTACK_URL": fake.url, "OWNSTACK_TOKEN": TOKEN}
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert [asked.path for asked in fake.asked] == ["/api/v1/apps"]
    loaded = set(ended.stdout.split())
    assert "httpx" in loaded
    assert not {"click", "pygments", "pygments.lexers", "rich.progress"} & loaded


@pytest.fixture
def run_alone() -> Callable[[str], str]:
    def run(code: str) -> str:
        return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    return run
