"""`ownstack up` and `ownstack demo`: every service in one process; and the whole story on this machine."""

from __future__ import annotations

import typer


def register(root: typer.Typer) -> None:
    """Put the commands into `ownstack` itself."""
