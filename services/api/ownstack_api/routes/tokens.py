"""Tokens: who may speak for the team. And who is asking."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path
from pydantic import BaseModel, ConfigDict
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from ownstack_api.auth import Caller
from ownstack_api.forms import NewToken
from ownstack_api.openapi import problems
from ownstack_api.paging import Wanted, found
from ownstack_api.parts import House
from ownstack_api.problems import Problem
from ownstack_api.routes.common import NOT_STORED, router
from ownstack_readmodel.paging import cursor_of, name_in
from ownstack_readmodel.views import Page
from ownstack_vault import Token, TokenNameTaken

routes = router("tokens")

TokenId = Annotated[str, Path(pattern=r"^[a-z0-9]{1,32}$", description="The id of a token.")]


class TokenView(BaseModel):
    """A token. `ending`: of its secret. Times in ms since the epoch; revoked_at null: it is valid."""

    model_config = ConfigDict(frozen=True, from_attributes=True)

    id: str
    name: str
    actor: str
    ending: str
    created_at: int
    revoked_at: int | None


class NewTokenView(BaseModel):
    """A new token with its secret, which is not kept, and shown this once."""

    token: TokenView
    secret: str


class Me(BaseModel):
    """For which team you speak, with which token, and under which name in the history."""

    team: str
    token: str
    actor: str


@routes.get("/me")
async def me(who: Caller) -> Me:
    """Who you are here."""
    return Me(team=who.team, token=who.token_id, actor=who.actor)


@routes.get("/tokens")
async def tokens(house: House, who: Caller, part: Wanted) -> Page[TokenView]:
    """The team's tokens, also the revoked ones, oldest first."""
    after = "" if part.cursor is None else name_in(part.cursor)
    items = await run_in_threadpool(house.vault.tokens.list, who.team, part.limit, after)
    more = cursor_of(items[-1].id) if len(items) == part.limit else None
    return Page(items=[_view(token) for token in items], next=more)


@routes.post("/tokens", status_code=201, responses=problems(409))
async def add_token(response: Response, house: House, who: Caller, form: NewToken) -> NewTokenView:
    """Make a token for the team. Its secret is shown this once."""
    try:
        issued = await run_in_threadpool(house.vault.tokens.add, who.team, form.name, house.clock())
    except TokenNameTaken:
        detail = f"A valid token of this team is named {form.name} already."
        raise Problem(409, "token-name-taken", detail, hint="Revoke it first, or choose another name.") from None
    response.headers.update(NOT_STORED)
    return NewTokenView(token=_view(issued.token), secret=issued.secret)


@routes.delete("/tokens/{token}", responses=problems(404))
async def revoke_token(house: House, who: Caller, token: TokenId) -> TokenView:
    """Make a token worthless; its open streams end. Again changes nothing."""
    revoked = found(await run_in_threadpool(house.vault.tokens.revoke, who.team, token, house.clock()), "token", token)
    house.streams.end(token)
    return _view(revoked)


def _view(token: Token) -> TokenView:
    return TokenView(
        id=token.id,
        name=token.name,
        actor=f"token:{token.name}",
        ending=token.ending,
        created_at=token.created_at,
        revoked_at=token.revoked_at,
    )
