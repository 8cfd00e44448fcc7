"""What has happened: releases, commands, facts, and the lines that were printed."""

from __future__ import annotations

from typing import Any, Literal

from ownstack_readmodel.views.base import View
from ownstack_readmodel.views.work import StackResultView


class ReleaseView(View):
    """Release vN of an app. `live_on`: the stacks that hold it now."""

    app: str
    number: int
    image: str
    digest: str
    config_fingerprint: str
    origin: str
    rollout: str | None
    source_app: str | None
    source_release: int | None
    created_at: int
    live_on: list[str]


class ReleaseDetailView(ReleaseView):
    """A release, with what became of it on each stack. `rolled_back_to`: of a roll back the release whose image it is.

    deployments: of each stack that it was meant for the latest; none if it was found.
    """

    deployments: list[StackResultView]
    rolled_back_to: int | None


class LogLineView(View):
    """A line that a phase printed. `cursor` sorts lines as they came."""

    cursor: int
    deployment: str
    job: str
    stack: str
    phase: str
    number: int
    at: int
    text: str


class CommandView(View):
    """A command and its outcome. accepted: durable on the bus, not decided yet (as far as the read model knows)."""

    id: str
    type: str
    actor: str | None
    at: int
    status: Literal["accepted", "admitted", "rejected"]
    sequence: int | None = None
    rollout: str | None = None
    """The rollout or promotion that it opened."""
    code: str | None = None
    message: str | None = None
    hint: str | None = None


class FactView(View):
    """A fact as it stands in the history: `event` is the record itself, hash and all."""

    sequence: int
    type: str
    at: int
    app: str | None
    actor: str | None
    event: dict[str, Any]
