"""A stack that keeps a ledger: a line at the beginning and at the end of every phase, whoever runs it.

Run by the deployers as the program of each stack, without the site packages. It refuses nothing by itself: what should
not have happened is to stand in the ledger. It minds no broken pipe: whoever started it may have been killed.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

_TOLD = ("team", "app", "app_id", "stack", "deployment", "attempt", "generation", "release", "image")
_SHORTEST, _LONGEST = 0.05, 0.4
"""Seconds that a phase takes."""
_FAILS = 0.02
"""So many of the release tasks fail."""


def told(name: str) -> str:
    """What the deployer says of the job."""
    return os.environ.get(f"OWNSTACK_{name.upper()}", "")


def chance() -> float:
    """A number from 0 to 1; importing `random` would take as long as a short phase."""
    return int.from_bytes(os.urandom(4), "big") / 2**32


def note(ledger: Path, event: str, phase: str, **more: object) -> None:
    """Append a line, in one write: lines of several programs never mix. `at`: ns of a clock that all programs share."""
    line = {"event": event, "phase": phase, "at": time.monotonic_ns(), "pid": os.getpid(), **more}
    line |= {name: told(name) for name in _TOLD}
    descriptor = os.open(ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, json.dumps(line).encode() + b"\n")
    finally:
        os.close(descriptor)


def look(live: Path) -> None:
    """Print what is live; nothing if nothing is."""
    try:
        said = live.read_text(encoding="utf-8")
    except FileNotFoundError:
        return
    try:
        sys.stdout.write(said)
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def restart(live: Path) -> None:
    """What is live changes at once, as the last step."""
    holds = {
        "image": told("image"),
        "generation": int(told("generation")),
        "deployment": told("deployment"),
        "release": int(told("release")),
        "team": told("team"),
        "app_id": told("app_id"),
    }
    new = live.with_suffix(f".{os.getpid()}")
    new.write_text(json.dumps(holds), encoding="utf-8")
    new.replace(live)


def main(phase: str) -> int:
    """Take a while, and do it."""
    home = Path(told("setting_home"))
    place = f"{told('team')}.{told('app')}@{told('stack')}"
    ledger, live = home / f"{place}.ledger", home / f"{place}.live"
    note(ledger, "begin", phase, deployer=os.getppid())
    time.sleep(_SHORTEST + chance() * (_LONGEST - _SHORTEST))
    code = 1 if phase == "release-task" and chance() < _FAILS else 0
    if phase == "restart":
        restart(live)
    elif phase == "remove":
        live.unlink(missing_ok=True)
    note(ledger, "end", phase, exit=code)
    if phase == "look":
        look(live)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
