"""Who calls: a bearer token, and so a team. Asked before anything of the request's body is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from ownstack_api.handlers import DATABASE_AWAY, database_away
from ownstack_api.problems import Problem, respond
from ownstack_api.refusals import Refusals
from ownstack_contracts.tracing import WORK
from ownstack_vault import Token, Vault

PREFIX = "/api/v1"
_CALLER = "ownstack.caller"


@dataclass(frozen=True, slots=True)
class Who:
    """The caller: for which team, with which token, and under which name in the history."""

    team: str
    token_id: str
    actor: str


class Authentication:
    """Middleware: below `/api/v1` nothing happens without a valid token, not even a 404."""

    def __init__(self, app: ASGIApp, vault: Vault, refusals: Refusals) -> None:
        """refusals: of the database. The handlers of errors are further in, and see none that comes from here."""
        self._app = app
        self._vault = vault
        self._refusals = refusals

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it."""
        if scope["type"] == "http" and scope["path"].startswith(PREFIX):
            try:
                scope[_CALLER] = caller = await self._who(Headers(scope=scope))
                WORK.set(WORK.get()._replace(team=caller.team))
            except Problem as problem:
                await respond(problem)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    async def _who(self, headers: Headers) -> Who:
        given = headers.getlist("authorization")
        scheme, _, secret = given[0].partition(" ") if len(given) == 1 else ("", "", "")
        if scheme.lower() != "bearer" or not secret.strip():
            raise _unauthorized("token-missing", "This needs a token: `Authorization: Bearer own_…`.")
        token = await self._find(secret.strip())
        if token is None:
            raise _unauthorized("token-unknown", "This token is not known here, or was revoked.", "invalid_token")
        return _who(token)

    async def _find(self, secret: str) -> Token | None:
        try:
            return await run_in_threadpool(self._vault.tokens.find, secret)
        except DATABASE_AWAY as error:
            raise database_away(self._refusals, error) from error


def _who(token: Token) -> Who:
    return Who(token.team, token.id, f"token:{token.name}")


def _unauthorized(code: str, detail: str, error: str | None = None) -> Problem:
    challenge = 'Bearer realm="ownstack"' + (f', error="{error}"' if error else "")
    hint = "`ownstack up` writes a first token to your profile; `ownstack token add` makes others."
    return Problem(401, code, detail, hint=hint, headers={"WWW-Authenticate": challenge})


async def who(request: Request) -> Who:
    """The caller of this request. Only routes below `/api/v1` have one."""
    found = request.scope[_CALLER]
    assert isinstance(found, Who)
    return found


Caller = Annotated[Who, Depends(who)]
