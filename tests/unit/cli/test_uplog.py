"""The log of a process: short lines for people, objects for machines, and what is being worked on."""

from __future__ import annotations

import contextvars
import logging
import sys
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import orjson
import pytest

from ownstack import uplog
from ownstack_contracts.tracing import WORK, Work


@pytest.fixture
def _own_log() -> Iterator[None]:
    """Logging is the same afterwards."""
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    yield
    root.handlers[:] = before
    root.setLevel(level)


def record(message: str, name: str = "ownstack_promoter.partition", level: int = logging.INFO, **more: Any) -> Any:
    return logging.makeLogRecord(
        {"name": name, "levelno": level, "levelname": logging.getLevelName(level), "msg": message, **more}
    )


def in_json(message: str, work: Work | None = None, **more: Any) -> dict[str, Any]:
    def written() -> dict[str, Any]:
        if work is not None:
            WORK.set(work)
        found: dict[str, Any] = orjson.loads(uplog.Json().format(record(message, **more)))
        return found

    return contextvars.copy_context().run(written)


def failure() -> Any:
    try:
        raise ZeroDivisionError("by zero")
    except ZeroDivisionError:
        return sys.exc_info()


def test_a_line_in_json_says_when_how_bad_which_part_and_what() -> None:
    line = in_json('it "runs"\nwell', level=logging.WARNING)
    assert datetime.fromisoformat(line.pop("time")).tzinfo is not None
    assert line == {"level": "warning", "part": "promoter", "message": 'it "runs"\nwell'}


def test_a_line_in_json_says_what_is_worked_on_as_far_as_that_is_known() -> None:
    line = in_json("decided", Work("acme", "the-command", "the-report"))
    assert {"team": "acme", "correlationid": "the-command", "causationid": "the-report"}.items() <= line.items()
    assert not {"request", "traceid"} & line.keys()
    assert in_json("asked", Work(request="r1", traceid="t1")).items() >= {"request": "r1", "traceid": "t1"}.items()


def test_a_refusal_has_its_code_and_what_to_do_in_both_forms() -> None:
    said = {"code": "bus-embedded", "hint": "Use another."}
    assert in_json("No.", **said).items() >= said.items()
    text = uplog.Short().format(record("No.", level=logging.ERROR, **said))
    assert text.partition(" ")[2] == "promoter: error: No. (bus-embedded) Use another."


def test_a_failure_is_told_with_its_trace_in_one_line_of_json() -> None:
    line = in_json("failed", Work(traceid="t1"), exc_info=failure())
    assert line["trace"].endswith("ZeroDivisionError: by zero")
    assert line["traceid"] == "t1"
    assert "ZeroDivisionError" in uplog.Short().format(record("failed", exc_info=failure()))


def test_what_is_no_text_is_told_nevertheless() -> None:
    assert in_json("no such file: \udcff")["message"] == "no such file: ?"


@pytest.mark.usefixtures("_own_log")
def test_a_level_hides_what_is_below_it_and_others_talk_only_from_warnings_on(
    capsys: pytest.CaptureFixture[str],
) -> None:
    uplog.set_up(json=True, level=logging.INFO)
    logging.getLogger("ownstack_promoter").debug("one")
    logging.getLogger("ownstack_promoter").info("two")
    logging.getLogger("aiokafka").info("three")
    logging.getLogger("aiokafka").warning("four")
    assert [orjson.loads(line)["message"] for line in capsys.readouterr().err.splitlines()] == ["two", "four"]
