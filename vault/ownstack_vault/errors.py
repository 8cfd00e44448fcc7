"""What can be wrong with the database that the vault lies in, with a code."""

from __future__ import annotations


class VaultUnusable(Exception):
    """The vault can't be opened. `code` is stable; the text says what was wrong, `hint` what to do. `passing`: it may
    pass by itself, so that trying again is right."""

    def __init__(self, code: str, message: str, hint: str, *, passing: bool = False) -> None:
        super().__init__(f"{message} {hint}")
        self.code, self.message, self.hint, self.passing = code, message, hint, passing
