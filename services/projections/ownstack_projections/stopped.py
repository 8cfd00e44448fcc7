"""Why a projection stops. It never skips what it does not understand: damage is not folded over."""

from __future__ import annotations


class ProjectionStopped(Exception):
    """The projection can't go on. `code` is stable; the text says what was found, where, and what to do."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class HistoryDamaged(ProjectionStopped):
    """A fact is missing, altered or out of place."""


class FactUnknown(ProjectionStopped):
    """A fact of a type or a version that this release does not know: it was written by a newer one."""


class FactNotProjected(ProjectionStopped):
    """The rows that a fact changes are not as they must be at that point: a fault of ours."""


class Outrun(ProjectionStopped):
    """Somebody else has moved the offset on: this projection is not the only one, and writes nothing."""
