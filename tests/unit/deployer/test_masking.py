"""Masking: no value of a job's config is shown, in whatever form, wherever it was cut."""

from __future__ import annotations

import asyncio
import base64
import html
import json
import random
import shlex
from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.deployer.requests import deploy

from ownstack_contracts.logs import DeploymentLogged
from ownstack_deployer.drivers.output import Lines
from ownstack_deployer.drivers.port import Job
from ownstack_deployer.joblog import MOST_LINE, JobLog
from ownstack_deployer.masking import Mask

SECRET = "s3cr3t-of-the-shop"
PEM = "-----BEGIN KEY-----\nMIIEowIBAAKCAQEA1\n  c2Vjb25kIGxpbmU=\nab\n-----END KEY-----\n"
ODD = """it's "odd" & $dear \\ `x` ä"""


def mask(**config: str) -> Mask:
    return Mask(config)


def test_a_value_is_replaced_by_its_name_wherever_it_is() -> None:
    shown = mask(TOKEN=SECRET, URL="postgres://u:pw@db/shop")
    assert shown(f"x{SECRET}y postgres://u:pw@db/shop {SECRET}{SECRET}") == "x[TOKEN]y [URL] [TOKEN]"


@pytest.mark.parametrize("value", ["", "a", "abc"])
def test_a_value_of_less_than_four_characters_is_left(value: str) -> None:
    assert mask(A=value)(f"abc {value} abc") == f"abc {value} abc"


def test_a_value_of_four_characters_is_masked() -> None:
    assert mask(A="abcd")("abcde") == "[A]e"


def test_of_two_values_that_begin_alike_the_longer_one_is_shown() -> None:
    assert mask(A="abcd", B="abcdefgh")("abcdefgh abcdX") == "[B] [A]X"


def test_of_values_that_overlap_nothing_is_left() -> None:
    assert mask(A="abcdef", B="defghi")("-abcdefghi-") == "-[A][B]-"
    assert mask(A="aaaa")("b" + "a" * 10 + "b") == "b[A]b"


def test_values_of_several_lines_are_masked_line_by_line_unless_a_line_is_short() -> None:
    shown = mask(KEY=PEM)
    lines = ["-----BEGIN KEY-----", "> MIIEowIBAAKCAQEA1", "c2Vjb25kIGxpbmU=", "ab"]
    assert shown.lines(lines) == ["[KEY]", "> [KEY]", "[KEY]", "ab"]


@pytest.mark.parametrize(
    "value", [SECRET, ODD, "a/b?c=d&e f", "漢字-and-more", PEM, "x" * 60_000, "tab\tin it", "be\x07ll"]
)
@pytest.mark.parametrize(
    "write",
    [
        lambda value: base64.b64encode(value.encode()).decode(),
        lambda value: base64.urlsafe_b64encode(value.encode()).decode(),
        json.dumps,
        lambda value: json.dumps(value, ensure_ascii=False),
        lambda value: quote(value, safe=""),
        quote,
        quote_plus,
    ],
)
def test_forms_in_which_a_value_is_one_line_are_masked(value: str, write: object) -> None:
    text = write(value)  # type: ignore[operator]
    assert mask(A=value)(text).strip('"=') == "[A]"


@pytest.mark.parametrize("value", [SECRET, ODD])
def test_values_quoted_for_a_shell_are_masked(value: str) -> None:
    escaped = "'" + value.replace("'", "'\\''") + "'"
    assert mask(A=value)(f"export A={escaped}") == "export A='[A]'"
    assert mask(A=value)(shlex.quote(value)).strip("'") == "[A]"


def test_the_values_are_in_no_representation() -> None:
    job = replace(Job("acme", deploy(), "run1", 0.0), config={"TOKEN": SECRET})
    assert SECRET not in repr(job)
    assert SECRET not in repr(job.mask)


class Stored:
    """A log of a job with config, and the lines that are stored of it."""

    def __init__(self, **config: str) -> None:
        self.lines: list[str] = []
        job = Job("acme", deploy(), "run1", 0.0, config=config)
        self.phase = JobLog(job, self._store).phase("restart")
        self.output = Lines(self.phase, job.mask)

    async def _store(self, logged: DeploymentLogged) -> None:
        self.lines += logged.lines

    async def takes(self, *chunks: bytes) -> list[str]:
        for chunk in chunks:
            await self.output.take(chunk)
        await self.output.close()
        await self.phase.close()
        return self.lines


async def test_a_value_that_comes_in_two_pieces_is_masked() -> None:
    assert await Stored(T=SECRET).takes(b"a s3cr3t-of", b"-the-shop b\nnext") == ["a [T] b", "next"]


async def test_a_driver_that_writes_lines_itself_has_them_masked_before_they_are_cut() -> None:
    stored = Stored(T=SECRET)
    await stored.phase.write(["x" * (MOST_LINE - 5) + SECRET])
    await stored.phase.close()
    assert stored.lines == ["x" * (MOST_LINE - 5) + "[T]"]


@pytest.mark.parametrize("before", [MOST_LINE - 5, MOST_LINE - 1, MOST_LINE, 4 * MOST_LINE - 9, 4 * MOST_LINE])
async def test_a_value_that_a_long_line_is_cut_in_is_masked_before_the_cut(before: int) -> None:
    (line,) = await Stored(T=SECRET).takes(b"x" * before + SECRET.encode() + b"y" * 100_000)
    assert line == ("x" * before + "[T]" + "y" * MOST_LINE)[:MOST_LINE]


LONG = "".join(random.Random(1).choices("abcdefghijklmnop", k=60 * 1024))


@pytest.mark.parametrize("before", [0, 10, MOST_LINE - 1, 70_000, 75_000])
async def test_of_a_long_value_that_is_cut_off_nothing_is_shown(before: int) -> None:
    """Before it there are short ones, which take little room once they are masked."""
    short = (SECRET * (before // len(SECRET) + 1))[:before]
    (line,) = await Stored(T=SECRET, L=LONG).takes(short.encode() + LONG.encode() * 3)
    assert not any(LONG[at : at + 8] in line for at in range(len(LONG) - 8))
    assert len(line) <= MOST_LINE


async def test_a_progress_bar_with_a_value_in_its_last_state_shows_none() -> None:
    (line,) = await Stored(L=LONG).takes(b"x" * 70_000 + b"\r" + LONG.encode() * 8 + b"\n")
    assert not any(LONG[at : at + 8] in line for at in range(len(LONG) - 8))


@given(
    st.dictionaries(st.sampled_from("ABC"), st.text("ab'\\\"\n\r ä$", min_size=0, max_size=12), max_size=3),
    st.lists(st.text("ab'\\\"\n\r ä$", max_size=8), max_size=12),
    st.integers(1, 7),
)
def test_whatever_is_printed_in_whatever_pieces_shows_no_value(
    config: dict[str, str], texts: Sequence[str], size: int
) -> None:
    printed = "".join([*texts, *config.values(), *texts]).encode()
    chunks = [printed[at : at + size] for at in range(0, len(printed), size)]
    lines = asyncio.run(Stored(**config).takes(*chunks))
    for value in config.values():
        pieces = [piece.strip() for piece in value.replace("\r", "\n").split("\n")]
        least = 4 if len(pieces) == 1 else 8
        for piece in pieces:
            if len(piece) >= least:
                assert not any(piece in line for line in lines)


URL = "postgres://shop:p%40ss&w<rd='x'@db.example/shop"


@pytest.mark.parametrize(
    "printed",
    [
        json.dumps(URL).replace("/", "\\/"),
        json.dumps(URL).replace("&", "\\u0026").replace("<", "\\u003c").replace("=", "\\u003d").replace("'", "\\u0027"),
        json.dumps(json.dumps({"url": URL})),
        html.escape(URL),
        repr(URL),
        quote(URL, safe="").replace("%3A", "%3a").replace("%2F", "%2f").replace("%25", "%25").lower(),
        "refused: p%40ss&w<rd='x'",
        "refused: p@ss&w<rd='x'",
    ],
)
def test_what_programs_make_of_a_value_when_they_print_it_is_masked(printed: str) -> None:
    assert "rd" not in Mask({"DATABASE_URL": URL})(printed)
