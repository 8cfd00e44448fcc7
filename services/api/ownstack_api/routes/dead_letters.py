"""Dead letters of the team: what could not be read, why, and another try."""

from __future__ import annotations

from contextlib import aclosing
from typing import Annotated

from fastapi import Path
from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from ownstack_api.auth import Caller
from ownstack_api.openapi import problems
from ownstack_api.outcomes import answer
from ownstack_api.paging import Wanted, found
from ownstack_api.parts import House, Parts
from ownstack_api.preferences import Wait
from ownstack_api.problems import Problem
from ownstack_api.publishing import Keyed
from ownstack_api.routes.common import COMMAND, router
from ownstack_bus.dead_letters import Letter, NotResendable, event_of, find, newest
from ownstack_contracts.envelope import Unreadable, decode
from ownstack_contracts.message import Command
from ownstack_contracts.topics import COMMANDS
from ownstack_readmodel.paging import cursor_of, parts_of
from ownstack_readmodel.views import Page

routes = router("dead-letters")

LetterId = Annotated[
    str, Path(max_length=40, description="The id of a dead letter: its partition, a dash, and its offset.")
]


class OriginView(BaseModel):
    """Where a letter was read from. at: when it came there. -1: not known."""

    model_config = ConfigDict(frozen=True)

    topic: str
    partition: int
    offset: int
    at: int


class LetterView(BaseModel):
    """A dead letter. code, reason: why it could not be read. sha256, length: of the whole; cut: not all was kept."""

    model_config = ConfigDict(frozen=True)

    id: str
    at: int
    team: str | None
    key: str
    code: str
    reason: str
    origin: OriginView
    sha256: str
    length: int
    cut: bool


class WholeLetterView(LetterView):
    """A dead letter with what it says; text: what was kept, as UTF-8."""

    text: str


@routes.get("/dead-letters")
async def dead_letters(house: House, who: Caller, part: Wanted) -> Page[LetterView]:
    """What could not be read of this team, the newest first; the last 1,000 in each partition are looked at."""
    before = None
    if part.cursor is not None:
        at, partition, offset = parts_of(part.cursor, int, int, int)
        before = int(at), int(partition), int(offset)
    letters: list[Letter] = []
    async with aclosing(newest(house.bus, team=who.team, before=before)) as found_ones:
        async for letter in found_ones:
            if len(letters) == part.limit:
                return Page(items=_views(letters), next=cursor_of(*letters[-1].place))
            letters.append(letter)
    return Page(items=_views(letters))


@routes.get("/dead-letters/{letter}", responses=problems(404))
async def dead_letter(house: House, who: Caller, letter: LetterId) -> WholeLetterView:
    """A dead letter of this team, and what was kept of it."""
    return WholeLetterView.model_validate((await _own(house, who.team, letter)).document())


@routes.post("/dead-letters/{letter}/resend", **{**COMMAND, "responses": {**COMMAND["responses"], **problems(404)}})
async def resend_dead_letter(house: House, who: Caller, keys: Keyed, wait: Wait, letter: LetterId) -> Response:
    """Send a command that could not be read again, under a new id and the caller's name, now that it can be read."""
    return await answer(house, who, _command(await _own(house, who.team, letter)), keys, wait)


def _views(letters: list[Letter]) -> list[LetterView]:
    return [LetterView.model_validate(letter.summary()) for letter in letters]


async def _own(house: Parts, team: str, name: str) -> Letter:
    letter = await find(house.bus, name)
    return found(letter if letter is not None and letter.team == team else None, "dead-letter", name)


def _command(letter: Letter) -> Command:
    """The command in a letter. Raises Problem, 409."""
    try:
        event_of(letter)
        if letter.topic != COMMANDS.name:
            raise NotResendable(
                "dead-letter-not-a-command",
                f"{letter.id} came from {letter.topic}: a team sends commands only.",
                "Whoever runs this installation can send it again: ownstack dead-letter resend ID --bus URL.",
            )
        message = decode(COMMANDS.name, letter.kept).message
    except NotResendable as why:
        raise Problem(409, why.code, why.message, hint=why.hint) from None
    except Unreadable as why:
        hint = "Publish what it was meant to say anew; docs/reference/messages.md shows each command."
        raise Problem(409, "dead-letter-unreadable", f"It still can't be read: {why.reason}", hint=hint) from None
    assert isinstance(message, Command)  # the topic has no other type
    return message
