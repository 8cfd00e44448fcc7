"""How a command line that came over SSH falls into words: as GNU xargs does it, and as Dokku uses xargs."""

from __future__ import annotations

import re

UNMATCHED = "xargs: unmatched {kind} quote; by default quotes are special to xargs unless you use the -0 option\n"
PIECE = re.compile(r"""'([^'\n]*)'|"([^"\n]*)"|\\(.)|([^'"\\ \t\n])""", re.DOTALL)
BLANK = re.compile(r"[ \t\n]+|\\$")


def split(line: str) -> tuple[list[str], str]:
    """The words as xargs reads them, and what it complains of. The words before a complaint count.

    Quotes of both kinds and the backslash are taken away; within quotes a backslash is itself, and a newline is wrong.
    """
    words: list[str] = []
    word: str | None = None
    at = 0
    while at < len(line):
        if piece := PIECE.match(line, at):
            word = (word or "") + next(group for group in piece.groups() if group is not None)
            at = piece.end()
        elif blank := BLANK.match(line, at):
            words += [] if word is None else [word]
            word, at = None, blank.end()
        else:
            return words, UNMATCHED.format(kind="double" if line[at] == '"' else "single")
    return words + ([] if word is None else [word]), ""


def echoed(words: list[str]) -> list[str]:
    """What is left where each word goes through `echo` alone: `-n` is gone, `-e` is empty."""
    left: list[str] = []
    for word in words:
        option = word.startswith("-") and len(word) > 1 and set(word[1:]) <= set("neE")
        if not option:
            left.extend(word.split("\n"))
        elif "n" not in word:
            left.append("")
    return left
