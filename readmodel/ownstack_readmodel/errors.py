"""What can be wrong with a question put to the read model."""

from __future__ import annotations


class CursorInvalid(ValueError):
    """A cursor that this list has not given. Ask again without one."""

    code = "cursor-invalid"

    def __init__(self, cursor: str) -> None:
        super().__init__(f"{cursor[:80]!r} is no cursor of this list; begin without one.")
