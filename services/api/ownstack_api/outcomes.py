"""Answers commands: 202 at once, or, when the caller would rather wait, with what has become of it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from ownstack_api.auth import PREFIX, Who
from ownstack_api.handlers import DATABASE_AWAY
from ownstack_api.parts import Parts
from ownstack_api.problems import Problem
from ownstack_api.publishing import Keys, propose
from ownstack_api.waiting import first_of
from ownstack_contracts.message import Command
from ownstack_readmodel.views import CommandView

log = logging.getLogger(__name__)


class CommandAnswer(BaseModel):
    """The answer to a command: where it stands."""

    model_config = ConfigDict(frozen=True)

    command: CommandView


Shape = Callable[[CommandView], CommandAnswer]
"""Makes the answer, when there is more to say than where the command stands."""


def _plain(view: CommandView) -> CommandAnswer:
    return CommandAnswer(command=view)


async def answer(parts: Parts, who: Who, command: Command, keys: Keys, wait: int, shape: Shape = _plain) -> Response:
    """Publish `command` and answer with where it stands after at most `wait` seconds.

    Raises Problem: 409 if it was rejected while the caller waited; else as `propose`.
    """
    return await tell(parts, who.team, await propose(parts, who, command, keys), wait, shape)


async def tell(parts: Parts, team: str, view: CommandView, wait: int, shape: Shape = _plain) -> Response:
    """Answer with where a command stands after at most `wait` seconds. Raises Problem, as `answer`."""
    headers = {"Location": f"{PREFIX}/commands/{quote(view.id, safe=':')}"}
    if not wait:
        return _respond(202, shape(view), headers)
    headers["Preference-Applied"] = f"wait={wait}"
    view = await _decided(parts, team, view, wait)
    if view.status == "rejected":
        raise rejected(view, headers)
    return _respond(200 if view.status == "admitted" else 202, shape(view), headers)


def rejected(view: CommandView, headers: dict[str, str] | None = None) -> Problem:
    """What a rejected command says of itself."""
    return Problem(
        409,
        view.code or "rejected",
        view.message or "The command was rejected.",
        hint=view.hint,
        headers=headers,
        extensions={"command": view.model_dump(mode="json")},
    )


async def _decided(parts: Parts, team: str, view: CommandView, wait: int) -> CommandView:
    """The command once it is decided, or as it stands after `wait` seconds, or when the house closes, or when the read
    model can't be asked: it is published all the same."""
    if view.status != "accepted":
        return view
    outcome = parts.readmodel.wait_for_command(team, view.id, timeout=wait)
    try:
        return await first_of(outcome, parts.stopping) or view
    except DATABASE_AWAY as error:
        log.warning("nobody knows yet what became of command %s: %s", view.id, getattr(error, "orig", error))
        return view


def _respond(status: int, body: CommandAnswer, headers: dict[str, str]) -> Response:
    return Response(body.model_dump_json(), status, headers, "application/json")
