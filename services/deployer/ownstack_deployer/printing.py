"""Text that others have written: without what it could do to whoever reads it."""

from __future__ import annotations

import re

_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f-\x9f\u2028\u2029]")
"""Also what ends a line or begins a control sequence in the eyes of some readers, though it is no \\n and no ESC."""


def printable(text: str) -> str:
    """The text without what it could do to a terminal, or to a reader of lines; ESC stays: it colours."""
    return _UNPRINTABLE.sub("\ufffd", text)
