"""What can be wrong with a question put to the read model, and with the database that it lies in."""

from __future__ import annotations


class CursorInvalid(ValueError):
    """A cursor that this list has not given. Ask again without one."""

    code = "cursor-invalid"

    def __init__(self, cursor: str) -> None:
        super().__init__(f"{cursor[:80]!r} is no cursor of this list; begin without one.")


class DatabaseUnusable(Exception):
    """The read model can't be opened, or not be rebuilt. `code` is stable; the text says what was wrong, `hint` what
    to do. `passing`: it may pass by itself, so that trying again is right."""

    def __init__(self, code: str, message: str, hint: str, *, passing: bool = False) -> None:
        super().__init__(f"{message} {hint}")
        self.code, self.message, self.hint, self.passing = code, message, hint, passing
