"""How a deployer is let in to one registry: anonymously, with a password, or with a token."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

import httpx

from ownstack_deployer.registry.challenges import Challenge, challenges
from ownstack_deployer.registry.credentials import Credentials
from ownstack_deployer.registry.places import host_of, same_origin
from ownstack_deployer.registry.retrying import Retrying
from ownstack_deployer.registry.tokens import Tokens, read
from ownstack_deployer.registry.trouble import Trouble, expect
from ownstack_deployer.registry.wire import Answer, Asked

CLIENT = "ownstack"
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass(slots=True)
class Entry:
    """The way in to a registry, `host`, at the root of `retrying.wire`. deployer: whose the credentials are."""

    host: str
    retrying: Retrying
    tokens: Tokens
    credentials: Credentials | None
    deployer: str
    basic: str | None = None
    """What lets in, once the registry has asked for it."""

    async def exchange(self, asked: Asked, scopes: Sequence[str]) -> Answer:
        """Ask, and be let in if need be. Raises Trouble: `registry-unauthorized`, `registry-forbidden`, …"""
        answer = await self.retrying.exchange(asked, self.authorization(scopes))
        if answer.status != 401 or not same_origin(answer.url, self._root) or asked.is_streamed:
            return answer
        answer = await self.retrying.exchange(asked, await self._shown_next(answer, scopes))
        if answer.status == 401:
            raise self._refused(answer)
        return answer

    def authorization(self, scopes: Sequence[str]) -> str | None:
        """What is shown to the registry by now; None: nothing."""
        if self.basic is not None:
            return self.basic
        if self.credentials and self.credentials.registry:
            return f"Bearer {self.credentials.registry}"
        token = self.tokens.find(self._key(scopes))
        return token and f"Bearer {token}"

    async def _shown_next(self, answer: Answer, scopes: Sequence[str]) -> str:
        """What the registry asks for. Of several ways the one by token, which does not show it the password."""
        ways = {way.scheme: way for way in reversed(challenges(answer.headers.get_list("WWW-Authenticate")))}
        if (way := ways.get("bearer")) and not (self.credentials and self.credentials.registry):
            return f"Bearer {await self._token(way, scopes)}"
        if "basic" in ways and self.basic is None and self.credentials and self.credentials.password:
            self.basic = _basic(self.credentials)
            return self.basic
        raise self._refused(answer)

    async def _token(self, way: Challenge, scopes: Sequence[str]) -> str:
        realm = expect(
            way.parameters.get("realm") or None,
            "registry-invalid",
            f"{self.host} does not say where it hands out tokens.",
        )
        url = self.retrying.wire.referred(self._root, realm)
        wanted = list(dict.fromkeys([*scopes, *way.parameters.get("scope", "").split()]))[:10]
        answer = await self._handed_out(url, way.parameters.get("service", ""), wanted)
        if answer.status in (400, 401, 403):
            raise self._refused(answer)
        token, life = expect(
            read(answer.content) if answer.status == 200 else None,
            "registry-invalid",
            f"{host_of(url)}, which hands out the tokens of {self.host}, hands out none (HTTP {answer.status}).",
        )
        self.tokens.keep(self._key(scopes), token, life)
        return token

    async def _handed_out(self, url: httpx.URL, service: str, scopes: Sequence[str]) -> Answer:
        # A wire of its own root: what lets us in to the registry is not what lets us in here, or the reverse.
        retrying = self.retrying.at(url)
        credentials = self.credentials
        if credentials and credentials.identity:
            form = {"grant_type": "refresh_token", "refresh_token": credentials.identity, "client_id": CLIENT}
            content = urlencode({**form, "service": service, "scope": " ".join(scopes)}).encode()
            return await retrying.exchange(Asked("POST", url, _FORM, content))
        query: list[tuple[str, str]] = [("service", service)] if service else []
        query += [("scope", scope) for scope in scopes]
        if credentials is None:
            return await retrying.exchange(Asked("GET", _with(url, query)))
        asked = Asked("GET", _with(url, [*query, ("account", credentials.user)]))
        return await retrying.exchange(asked, _basic(credentials))

    def _refused(self, answer: Answer) -> Trouble:
        if self.credentials is None:
            return Trouble(
                "registry-unauthorized",
                f"{self.host} wants to know who asks, and {self.deployer} has no credentials for it. Log it in: "
                f"docker login {self.host}. (Some registries say the same where there is no such repository.)",
            )
        if any("insufficient_scope" in way.parameters.get("error", "") for way in _ways(answer)):
            return Trouble(
                "registry-forbidden", f"{self.host} knows {self.deployer}, and does not allow it this repository."
            )
        return Trouble(
            "registry-unauthorized",
            f"{self.host} does not take the credentials of {self.deployer}. Log it in again: docker login {self.host}",
        )

    @property
    def _root(self) -> httpx.URL:
        return self.retrying.wire.root

    def _key(self, scopes: Sequence[str]) -> tuple[str, tuple[str, ...], Credentials | None]:
        return str(self._root), tuple(scopes), self.credentials


def _ways(answer: Answer) -> list[Challenge]:
    return challenges(answer.headers.get_list("WWW-Authenticate"))


def _with(url: httpx.URL, query: list[tuple[str, str]]) -> httpx.URL:
    return url.copy_with(params=httpx.QueryParams([*url.params.multi_items(), *query]))


def _basic(credentials: Credentials) -> str:
    return "Basic " + base64.b64encode(f"{credentials.user}:{credentials.password}".encode()).decode()
