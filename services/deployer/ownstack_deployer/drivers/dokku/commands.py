"""Command lines for Dokku, built from words in this one place. Each word reaches the server as it is, or not at all."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence

from ownstack_deployer.drivers.port import PhaseFailed

MOST_BYTES = 100_000
"""Of a line. sshd passes it on as one string, of which Linux takes 128 KiB at most."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_SWALLOWED = re.compile(r"-[neE]+|--help|--version")
"""Dokku has each word go through `echo` alone, which takes these for options of its own."""


def line_of(words: Sequence[str]) -> str:
    """The line that Dokku reads as these words. Raises PhaseFailed `argument-refused` if there is none."""
    for word in words:
        _refuse_if_unreadable(word)
    line = " ".join(shlex.quote(word) for word in words)
    if len(line.encode()) > MOST_BYTES:
        raise PhaseFailed(
            "argument-refused", f"The command is longer than {MOST_BYTES:,} bytes. Put it into a script in the image."
        )
    return line


def run_of(app: str, command: Sequence[str]) -> list[str]:
    """The words of `run` for a program with its arguments in the image of the app."""
    if any(_SWALLOWED.fullmatch(word) for word in command):
        return ["run", app, "sh", "-c", f" {shlex.join(command)}"]  # the blank keeps a lone one from being swallowed
    return ["run", app, *command]


def _refuse_if_unreadable(word: str) -> None:
    if found := _CONTROL.search(word):
        raise PhaseFailed(
            "argument-refused",
            f"An argument has the control character U+{ord(found[0]):04X}, which Dokku does not take. "
            "Put the command into a script in the image, or leave that out.",
        )
    try:
        word.encode()
    except UnicodeEncodeError as error:
        raise PhaseFailed("argument-refused", f"An argument is no text: {error.reason}. Leave that out.") from error
