"""Docker options of an app, per phase: what was added, and the labels among them."""

from __future__ import annotations

import shlex

from .words import split


def stored(text: str) -> list[str]:
    """Each option that is added with one command is one of its own, quoted where a shell would not leave it alone."""
    found: list[list[str]] = []
    for word in split(text)[0]:
        if found and not (word.startswith("-") and len(word) > 1):
            found[-1].append(word)
        else:
            found.append([word])
    return [shlex.join(option) for option in found]


def labels(options: list[str]) -> dict[str, str]:
    """Those that the options put on a container."""
    found: dict[str, str] = {}
    words = [word for option in options for word in split(option)[0]]
    for number, word in enumerate(words):
        name, sign, rest = word.partition("=")
        if name == "--label" and sign:
            label = rest
        elif word in ("--label", "-l") and number + 1 < len(words):
            label = words[number + 1]
        else:
            continue
        key, _, value = label.partition("=")
        found[key] = value
    return found
