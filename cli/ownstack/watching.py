"""Watches work on stacks until it ends: rows that are redrawn on a terminal, else a line per change."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from datetime import datetime

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderResult
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from ownstack.exits import Exit, Silent
from ownstack.output import safe, span
from ownstack.progress import ENDED, GOOD, Progress, Row
from ownstack.session import Session

_STYLES = {"succeeded": "green", "unchanged": "green", "failed": "red", "expired": "red", "cancelled": "yellow"}
_MARKS = {"succeeded": "✓", "unchanged": "✓", "failed": "✗", "expired": "✗", "cancelled": "–", "skipped": "–"}


def watch(
    session: Session, progress: Progress, after: int, on_interrupt: str, settled: Callable[[], Iterable[Row]] = tuple
) -> None:
    """Follow the team's facts after sequence `after` until `progress` has ended.

    on_interrupt: the command that shows how it goes on; said when Ctrl-C ends the watching (Silent, INTERRUPTED).
    settled: brings the rows to their end, and returns those of which nothing has been shown.
    """
    output = session.output
    board = Board(progress)
    output.say(progress.title)
    try:
        with Live(board, console=output.out, refresh_per_second=8, transient=False) if output.live else nullcontext():
            _follow(session, progress, after)
            for row in settled():
                _tell(session, row)
    except KeyboardInterrupt:
        output.note(f"It goes on without you. To see how: {on_interrupt}")
        raise Silent(Exit.INTERRUPTED) from None


def _follow(session: Session, progress: Progress, after: int) -> None:
    _tell_lines(session, progress)
    if progress.ended:
        return
    _tell_note(session, progress.note)
    for event in session.client.follow("/events", after=str(after)):
        fact = event.document()
        title, note = progress.title, progress.note
        row = progress.apply(fact["type"], fact.get("data", {}), milliseconds(fact["time"]))
        _tell_lines(session, progress)
        if progress.title != title:
            session.output.say(progress.title)
        if progress.note != note:
            _tell_note(session, progress.note)
        if row is not None:
            _tell(session, row)
        if progress.ended:
            return


def _tell_lines(session: Session, progress: Progress) -> None:
    """What is said once stays, also where rows are redrawn."""
    while progress.lines:
        session.output.say(progress.lines.pop(0))


def _tell_note(session: Session, note: str | None) -> None:
    if note and not session.output.live:
        session.output.say(f"  {note}")


def _tell(session: Session, row: Row) -> None:
    """A line per change, where rows can't be redrawn."""
    if session.output.live:
        return
    session.output.say(f"  {_MARKS.get(row.state, '·')} {row.stack}  {row.words}")


def milliseconds(text: str) -> int:
    """A CloudEvents time in ms since the epoch."""
    return int(datetime.fromisoformat(text).timestamp() * 1000)


_GAPS = 3
"""Between the mark, the stack, the words and the time."""


class Board:
    """Draws the rows; as many as the terminal is high, what has failed or is under way first."""

    def __init__(self, progress: Progress, now: Callable[[], float] = time.time) -> None:
        self._progress = progress
        self._now = now
        self._spinner = Spinner("dots")

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """As Rich draws it, anew each time."""
        rows = list(self._progress.rows.values())
        room = max(3, options.size.height - 4)
        shown = rows if len(rows) <= room else sorted(rows, key=_urgency)[:room]
        # What is long is the words: a row that does not fit loses their end, not its name nor its time.
        name = min(max((len(row.stack) for row in shown), default=1), max(12, options.max_width // 3))
        elapsed = max((len(self._elapsed(row)) for row in shown), default=0) or 1
        longest = max((cell_len(safe(row.words)) for row in shown), default=0)
        words = max(1, min(longest, options.max_width - 1 - name - elapsed - _GAPS))
        grid = Table.grid(padding=(0, 1))
        grid.add_column(width=1)
        grid.add_column(no_wrap=True, overflow="ellipsis", width=name)
        grid.add_column(no_wrap=True, overflow="ellipsis", width=words)
        grid.add_column(justify="right", no_wrap=True, width=elapsed)
        for row in shown:
            mark = Text(_MARKS[row.state], _STYLES.get(row.state, "")) if row.state in _MARKS else self._spinner
            grid.add_row(mark, row.stack, Text(safe(row.words), _STYLES.get(row.state, "")), self._elapsed(row))
        yield grid
        if self._progress.note and not self._progress.ended:
            yield Text(safe(self._progress.note), "dim")
        if len(rows) > 1:
            yield Text(summary(rows), "dim")

    def _elapsed(self, row: Row) -> str:
        end = row.since if row.state in ENDED else int(self._now() * 1000)
        return span(row.began, end) or ""


def _urgency(row: Row) -> tuple[int, str]:
    if row.state in ENDED:
        return (2, row.stack) if row.state in GOOD else (0, row.stack)
    return (3 if row.state in ("pending", "asked") else 1, row.stack)


def summary(rows: list[Row]) -> str:
    """How many stand where: "2 of 3 done, 1 failed"."""
    good = sum(row.state in GOOD for row in rows)
    bad = sum(row.state in ENDED and row.state not in GOOD for row in rows)
    return f"{good} of {len(rows)} done" + (f", {bad} not" if bad else "")
