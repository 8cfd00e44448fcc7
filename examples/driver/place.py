"""A place: one app of one team on one stack, as a folder; and what is written there, atomically."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Place:
    """live: what serves, and where. front: the process that visitors reach. data: the app's own files."""

    root: Path

    @property
    def live(self) -> Path:
        return self.root / "live.json"

    @property
    def front(self) -> Path:
        return self.root / "front.json"

    @property
    def generation(self) -> Path:
        """Outlives the app, so that an old request never comes back to life."""
        return self.root / "generation.json"

    @property
    def servers(self) -> Path:
        return self.root / "servers"

    @property
    def data(self) -> Path:
        return self.root / "data"


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in a file; None if there is no such file."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    if not isinstance(found, dict):
        raise ValueError(f"{path} holds no object")
    return found


def write_json(path: Path, value: dict[str, Any]) -> None:
    """Durably, and all at once: whoever reads sees the old or the new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(value, file)
        file.flush()
        os.fsync(file.fileno())
    Path(name).replace(path)
