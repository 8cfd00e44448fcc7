"""Teams: the unit of order and of scale."""

from __future__ import annotations

from ownstack_contracts.message import Command


class TeamCreated(Command):
    """The team of the envelope exists from here on."""
