"""What the journal of the examples' driver must show, whatever was killed: no phase twice without a look in between."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

Line = dict[str, Any]
ONCE_OR_LOOKED = ("release-task", "restart", "remove")


def violations(journal: Sequence[Line]) -> list[str]:
    """What is wrong, in sentences; nothing if all is right."""
    return [*_repeated(journal), *_overlapping(journal)]


def _repeated(journal: Sequence[Line]) -> list[str]:
    """A phase of an attempt is run again only if its outcome was unknown, and then `look` came first."""
    begun: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for number, line in enumerate(journal):
        if line["event"] == "begin" and line["phase"] != "look":
            begun[tuple(line[k] for k in ("phase", "app", "stack", "deployment", "attempt", "generation"))].append(
                number
            )
    found = []
    for key, numbers in begun.items():
        for first, second in pairwise(numbers):
            if key[0] == "post-deploy":
                found.append(f"{key} was run twice, in lines {first} and {second}: it is granted once ever")
            elif not _looked(journal[first + 1 : second], key):
                found.append(f"{key} was run twice, in lines {first} and {second}, without a look in between")
            if key[0] == "restart" and _succeeded(journal, first):
                found.append(f"{key} was run again in line {second} though it had succeeded, and a look shows that")
    return found


def _looked(lines: Sequence[Line], key: tuple[str, ...]) -> bool:
    return any((line["phase"], line["app"], line["stack"]) == ("look", key[1], key[2]) for line in lines)


def _succeeded(journal: Sequence[Line], begun: int) -> bool:
    pid = journal[begun]["pid"]
    ends = (line for line in journal[begun:] if line["event"] == "end" and line["pid"] == pid)
    return any(line["exit"] == 0 for line in ends)


def _overlapping(journal: Sequence[Line]) -> list[str]:
    """No two programs are ever at work on one app on one stack."""
    working: dict[tuple[str, str], Line] = {}
    found = []
    for line in journal:
        place = (line["app"], line["stack"])
        if line["event"] == "end":
            working.pop(place, None)
            continue
        if (other := working.get(place)) is not None:
            found.append(f"{line['phase']} began on {place} while {other['phase']} was at work")
        working[place] = line
    return found
