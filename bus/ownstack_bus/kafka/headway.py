"""Whether an owner gets on: since when it has had something to do, and has come no further."""

from __future__ import annotations

import time


class Headway:
    """Of one owner."""

    def __init__(self) -> None:
        self._since: float | None = None

    def expected(self) -> None:
        """There is something to do."""
        if self._since is None:
            self._since = time.monotonic()

    def made(self, *, more: bool) -> None:
        """It has come further. more: and there is more to do."""
        self._since = time.monotonic() if more else None

    def excused(self) -> None:
        """It could not: the cluster is not there. What is to be done is counted from now on."""
        if self._since is not None:
            self._since = time.monotonic()

    def missing_for(self) -> float:
        """For how many seconds it has come no further; 0: there is nothing to do."""
        return 0.0 if self._since is None else time.monotonic() - self._since
