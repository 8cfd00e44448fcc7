"""What is printed, and how: for people on a terminal, for people reading a file, or JSON for programs."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import orjson
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from ownstack.exits import Failure

_OF_PROGRAMS = re.compile(r"(?:^|(?<=: ))(?:body\.|Value error, )")
_LINE_BREAKS = re.compile(r"\s*\n\s*")
_REORDERS = "\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069"
"""What makes a terminal show text in another order than it stands there, or on another line."""
_CONTROL = re.compile(f"[\x00-\x08\x0a-\x1f\x7f-\x9f{_REORDERS}]")
_IN_JSON = re.compile(f"[\x7f-\x9f{_REORDERS}]")
"""Of these what JSON lets stand as it is."""
_WIDE = 100_000
"""Columns of what is no terminal: nothing is cut off in a file or a pipe."""


class Output:
    """Prints to stdout what was asked for, and to stderr what is said beside it."""

    def __init__(self, *, json: bool) -> None:
        self.json = json
        self.out = _console(sys.stdout)
        self.err = _console(sys.stderr)

    @property
    def live(self) -> bool:
        """Whether rows may be redrawn in place."""
        return self.out.is_terminal and not self.json

    def say(self, text: str | Text) -> None:
        """A line for people; nothing with `--json`."""
        if not self.json:
            self.out.print(text if isinstance(text, Text) else Text(safe(text)), soft_wrap=True)

    def show(self, renderable: RenderableType) -> None:
        """A table, for people; nothing with `--json`."""
        if not self.json:
            self.out.print(renderable)

    def note(self, text: str) -> None:
        """A remark on stderr, for people; nothing with `--json`."""
        if not self.json:
            sys.stdout.flush()  # what was said before comes first, also where both go to one file
            self.err.print(Text(safe(text)), soft_wrap=True)

    def document(self, value: Any) -> None:
        """The one JSON document of a command; nothing without `--json`."""
        if self.json:
            _write_json(value, orjson.OPT_INDENT_2)

    def line(self, value: Any) -> None:
        """One of many JSON documents, a line each; nothing without `--json`."""
        if self.json:
            _write_json(value, 0)

    def fail(self, failure: Failure) -> None:
        """Says why a command ends, on stderr."""
        sys.stdout.flush()
        if self.json:
            sys.stderr.write(_json(failure.document(), orjson.OPT_APPEND_NEWLINE))
            return
        errors = [_plain(f"{error.get('field')}: {error.get('message')}") for error in failure.about.get("errors", ())]
        message = _plain(failure.message)
        self.err.print(Text.assemble(("error: ", "bold red"), safe(message)), soft_wrap=True)
        if len(errors) > 1 or not all(error in message for error in errors):
            for error in errors:
                self.err.print(Text(safe(f"  {error}")), soft_wrap=True)
        if failure.hint:
            self.err.print(Text.assemble(("hint: ", "bold"), safe(failure.hint)), soft_wrap=True)


def _plain(text: str) -> str:
    """For people: without what only programs want to know of where something is wrong, and of who says so."""
    return _OF_PROGRAMS.sub("", text)


def _console(file: Any) -> Console:
    console = Console(file=file, highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = _WIDE
    return console


def _write_json(value: Any, option: int) -> None:
    sys.stdout.write(_json(value, option | orjson.OPT_APPEND_NEWLINE))
    sys.stdout.flush()


def _json(value: Any, option: int) -> str:
    """The same document for any program, with nothing in it that a terminal would obey."""
    return _IN_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", orjson.dumps(value, option=option).decode())


def safe(text: str) -> str:
    """What others wrote, on one line: it must not move the cursor, change the colours or the order of what is shown.

    Line breaks become ` | `; other control characters are shown as they would be escaped.
    """
    line = _LINE_BREAKS.sub(" | ", text.strip("\r\n")) if "\n" in text else text
    return _CONTROL.sub(lambda found: found[0].encode("unicode_escape").decode(), line)


def table(columns: Sequence[str], rows: Iterable[Sequence[str | Text | None]]) -> Table:
    """Rows under columns; None is a dash. On a narrow terminal cells are wrapped, never cut."""
    made = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for column in columns:
        made.add_column(column, overflow="fold")
    for row in rows:
        made.add_row(*(cell if isinstance(cell, Text) else Text(safe(cell or "—")) for cell in row))
    return made


def fields(pairs: Iterable[tuple[str, str | Text | None]]) -> Table:
    """A thing's fields, one below the other."""
    made = Table(box=None, pad_edge=False, show_header=False, show_edge=False)
    made.add_column(style="bold", no_wrap=True)
    made.add_column(overflow="fold")
    for name, value in pairs:
        made.add_row(name, value if isinstance(value, Text) else Text(safe(value or "—")))
    return made


def moment(at: int | None) -> str | None:
    """A time in ms since the epoch, in the zone of whoever reads."""
    return None if at is None else datetime.fromtimestamp(at / 1000).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def span(start: int | None, end: int | None) -> str | None:
    """How long it took, from ms to ms."""
    if start is None or end is None:
        return None
    seconds = max(0, end - start) / 1000
    if seconds < 60:
        return f"{seconds:.1f}s"
    return f"{int(seconds) // 60}m{int(seconds) % 60:02d}s"


def short(digest: str) -> str:
    """The first seven digits of a digest, or of that of an image."""
    return digest.rpartition("@")[2].partition(":")[2][:7]


def listed(names: Sequence[str], most: int = 8) -> str:
    """Names as they are read out: "A", "A and B", "A, B and 5 more"."""
    shown = list(names) if len(names) <= most else [*names[: most - 1], f"{len(names) - most + 1} more"]
    return " and ".join(filter(None, (", ".join(shown[:-1]), shown[-1]))) if shown else "none"
