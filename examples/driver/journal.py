"""The journal of a home: a line at the beginning and at the end of every phase, of all stacks, as they came."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

_TOLD = ("phase", "team", "app", "app_id", "stack", "deployment", "attempt", "generation")


def note(home: Path, environment: Mapping[str, str], event: str, **more: object) -> None:
    """Append a line. One write to a file opened for appending: lines of several processes never mix."""
    told = {name: environment.get(f"OWNSTACK_{name.upper()}", "") for name in _TOLD}
    line = json.dumps({"event": event, **told, "pid": os.getpid(), **more}) + "\n"
    descriptor = os.open(home / "journal.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)
