"""How a command ends: the exit codes, and the one error that says which, why, and what to do next."""

from __future__ import annotations

from enum import IntEnum
from typing import Any


class Exit(IntEnum):
    """Exit codes, for scripts."""

    OK = 0
    """All that was asked for came about, on every stack."""
    FAILED = 1
    """It was tried, and did not come about everywhere."""
    USAGE = 2
    """The command line makes no sense; nothing was sent."""
    REJECTED = 3
    """The server said no; nothing has changed."""
    UNAVAILABLE = 4
    """The server could not be asked: no connection, no valid token, or it is at fault itself."""
    NOT_RUN = 125
    """Of `ownstack run` alone, whose other codes are those of the command: it was not run, or its end is not known."""
    INTERRUPTED = 130
    """Ctrl-C. What was sent goes on."""


class Failure(Exception):
    """Ends a command. `code` is stable; the text is a sentence; `hint`: what to do next; `about`: more, for JSON."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        hint: str | None = None,
        exit_code: Exit = Exit.FAILED,
        about: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.exit_code = exit_code
        self.about = about or {}

    def document(self) -> dict[str, Any]:
        """As it is printed with `--json`."""
        error = {"code": self.code, "message": self.message, "hint": self.hint, "exit": int(self.exit_code)}
        return {"error": {**{k: v for k, v in error.items() if v is not None}, **self.about}}


class Silent(Exception):
    """Ends a command with an exit code (one of `Exit`, or that of what it ran) and no further word."""

    def __init__(self, exit_code: int) -> None:
        super().__init__(f"exit code {exit_code}")
        self.exit_code = exit_code
