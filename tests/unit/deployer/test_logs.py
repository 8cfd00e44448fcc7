"""Logs: how output becomes lines, how lines become records, and how both are bounded."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.deployer.fakes import idle
from tests.unit.deployer.requests import deploy

from ownstack_contracts.envelope import canonical, encode
from ownstack_contracts.logs import DeploymentLogged
from ownstack_contracts.topics import MAX_RECORD_BYTES
from ownstack_deployer import joblog
from ownstack_deployer.drivers.output import Captured, Lines
from ownstack_deployer.drivers.port import Job
from ownstack_deployer.joblog import NOTE, JobLog


class Kept:
    """A log that keeps what it is given."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    async def write(self, lines: Sequence[str]) -> None:
        self.lines += lines


async def lines_of(*chunks: bytes) -> list[str]:
    kept = Kept()
    lines = Lines(kept)
    for chunk in chunks:
        await lines.take(chunk)
    await lines.close()
    return kept.lines


async def test_lines_are_put_together_from_the_pieces_they_come_in() -> None:
    assert await lines_of(b"on", b"e\ntw", b"o\nthree") == ["one", "two", "three"]


async def test_empty_lines_are_lines() -> None:
    assert await lines_of(b"a\n\nb\n") == ["a", "", "b"]


async def test_a_character_may_come_in_two_pieces() -> None:
    assert await lines_of("grün".encode()[:3], "grün".encode()[3:]) == ["grün"]


async def test_what_is_no_text_is_replaced() -> None:
    assert await lines_of(b"a\xff\x00b\x07\n") == ["a\ufffd\ufffdb\ufffd"]


async def test_tabs_and_colours_are_kept() -> None:
    assert await lines_of(b"a\t\x1b[31mred\x1b[0m\n") == ["a\t\x1b[31mred\x1b[0m"]


async def test_of_a_progress_bar_the_last_state_is_kept() -> None:
    assert await lines_of(b"10%\r50%\r100%\r\nnext\r\n") == ["100%", "next"]


@pytest.mark.parametrize("character", ["x", "ü", "€", "🚀"])
async def test_a_line_is_cut_at_4000_characters_whatever_they_are(character: str) -> None:
    assert await lines_of(character.encode() * 9_000 + b"\nnext") == [character * 4_000, "next"]


async def test_a_line_without_end_takes_no_memory() -> None:
    lines = Lines(Kept())
    for _ in range(100):
        await lines.take(b"x" * 65_536)
    assert len(lines._cutter._part) <= 16_000


async def test_the_last_lines_are_remembered() -> None:
    lines = Lines(Kept())
    await lines.take(b"".join(b"%d\n\n" % number for number in range(20)))
    assert str(lines.last).split("\n")[1:] == [str(number) for number in range(12, 20)]


@given(st.lists(st.binary(max_size=50)))
def test_whatever_is_printed_can_be_logged(chunks: list[bytes]) -> None:
    lines = asyncio.run(lines_of(*chunks))
    for start in range(0, len(lines), 500):
        logged(0, lines[start : start + 500])


def logged(number: int, lines: Sequence[str]) -> DeploymentLogged:
    return DeploymentLogged(
        deployment="d",
        job="j",
        run="r",
        app="shop",
        app_id="shop.7",
        stack="eu-1",
        phase="restart",
        number=number,
        lines=tuple(lines),
    )


async def test_what_is_captured_is_bounded() -> None:
    captured = Captured()
    await captured.take(b"x" * 65_536)
    assert not captured.too_long
    await captured.take(b"x")
    assert captured.too_long
    assert len(captured.value) == 65_536


class Stored:
    """A log of a job whose records are kept."""

    def __init__(self) -> None:
        self.records: list[DeploymentLogged] = []
        job = Job("acme", deploy(), "run1", 0.0)
        self.phase = JobLog(job, self._store).phase("restart")

    async def _store(self, lines: DeploymentLogged) -> None:
        self.records.append(lines)

    @property
    def lines(self) -> list[str]:
        return [line for record in self.records for line in record.lines]


async def test_a_hundred_lines_are_stored_at_once() -> None:
    stored = Stored()
    await stored.phase.write([str(number) for number in range(250)])
    assert [(r.number, len(r.lines)) for r in stored.records] == [(0, 100), (100, 100)]
    await stored.phase.close()
    assert [(r.number, len(r.lines)) for r in stored.records] == [(0, 100), (100, 100), (200, 50)]


async def test_a_lonely_line_is_stored_after_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joblog, "FLUSH_AFTER", 0)
    stored = Stored()
    await stored.phase.write(["hello"])
    await idle()
    assert stored.lines == ["hello"]
    await stored.phase.close()


async def test_a_record_is_never_too_large_for_the_bus() -> None:
    stored = Stored()
    await stored.phase.write(["\x1b" * 4_000] * 50)  # six bytes each in JSON
    await stored.phase.close()
    assert len(stored.records) > 1
    for record in stored.records:
        assert len(canonical(list(record.lines))) <= 200 * 1024 + 2
        assert len(encode(record, source="/x", team="acme")) < MAX_RECORD_BYTES
    assert len(stored.lines) == 50
    assert [r.number for r in stored.records][1] == len(stored.records[0].lines)


async def test_of_too_many_lines_the_first_are_kept_with_a_note() -> None:
    stored = Stored()
    for _ in range(30):
        await stored.phase.write(["x"] * 1_000)
    await stored.phase.close()
    assert stored.lines == ["x"] * 10_000 + [NOTE]


async def test_of_too_many_bytes_the_first_are_kept_with_a_note() -> None:
    stored = Stored()
    for _ in range(30):
        await stored.phase.write(["x" * 4_000] * 100)
    await stored.phase.close()
    assert len(stored.lines) == 4 * 1024 * 1024 // 4_003 + 1
    assert stored.lines[-1] == NOTE
