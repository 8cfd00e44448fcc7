"""The phases of an attempt: when each began and ended, and how."""

from __future__ import annotations

from ownstack_projections.rows import Phase

PHASE, STARTED_AT, ENDED_AT, OUTCOME = range(4)


def begin(phases: list[Phase], phase: str, at: int) -> None:
    """A phase begins."""
    phases.append([phase, at, None, "running"])


def end(phases: list[Phase], phase: str, at: int, outcome: str) -> bool:
    """A phase ends; False if it is not under way."""
    for known in reversed(phases):
        if known[PHASE] == phase and known[OUTCOME] == "running":
            known[ENDED_AT], known[OUTCOME] = at, outcome
            return True
    return False


def did_not_begin(phases: list[Phase], phase: str, at: int) -> bool:
    """A phase was announced, and it is sure that it did not begin after all."""
    return end(phases, phase, at, "not-begun")


def end_all(phases: list[Phase], at: int, outcome: str) -> None:
    """What is under way ends."""
    for known in phases:
        if known[OUTCOME] == "running":
            known[ENDED_AT], known[OUTCOME] = at, outcome


def was(phases: list[Phase], phase: str, at: int) -> None:
    """A phase that was never said to begin has succeeded."""
    phases.append([phase, at, at, "succeeded"])


def succeeded(phases: list[Phase], at: int) -> None:
    """The attempt has succeeded, and so has its restart, even if that was unknown until somebody looked."""
    end_all(phases, at, "succeeded")
    if phases and phases[-1][PHASE] == "restart" and phases[-1][OUTCOME] == "unknown":
        phases[-1][ENDED_AT], phases[-1][OUTCOME] = at, "succeeded"


def failed(phases: list[Phase], phase: str, at: int) -> None:
    """The attempt has failed in a phase; looking is one that is never said to begin."""
    if not end(phases, phase, at, "failed"):
        phases.append([phase, at, at, "failed"])
    end_all(phases, at, "unknown")
