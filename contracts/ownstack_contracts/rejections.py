"""Refusals and repairs: what the promoter says when it does not admit a command, or mends its own history."""

from __future__ import annotations

from typing import Any

from ownstack_contracts.message import Fact
from ownstack_contracts.names import Code, Identifier, Number, Text


class CommandRejected(Fact):
    """The command was not admitted: why (a stable code, a sentence), and what to do next."""

    command: Identifier
    command_type: Text
    code: Code
    message: Text
    hint: Text | None = None
    data: dict[str, Any] | None = None


class DecisionCut(Fact):
    """A decision was written only up to `written` of its facts and can't be completed: what it opened has failed."""

    input: Identifier
    written: Number
    reason: Text
