"""A refusal: part of the interface, with a stable code, a sentence, and what to do next."""

from __future__ import annotations


class Refused(Exception):
    """The command does not hold. It becomes `CommandRejected`."""

    def __init__(self, code: str, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
