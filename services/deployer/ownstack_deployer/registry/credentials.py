"""Who a deployer is at a registry: read from Docker's own config file, or asked of the helpers that it names."""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from ownstack_deployer.registry.helpers import ask
from ownstack_deployer.registry.places import HUB
from ownstack_deployer.registry.trouble import Trouble

HUB_KEY = "https://index.docker.io/v1/"
"""What Docker calls its hub in its config file."""
_HUB_HOSTS = (HUB, "index.docker.io", "registry-1.docker.io")
_BY_TOKEN = "<token>"  # noqa: S105 - the name of a user who is none
MOST_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user with a password; or a token: `identity` is changed for others, `registry` is shown as it is."""

    user: str = ""
    password: str = field(default="", repr=False)
    identity: str = field(default="", repr=False)
    registry: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class DockerConfig:
    """Docker's config file, read whenever it is asked: `docker login` may have changed it. given: a person has said
    where it is, so that it has to be there. file: None: there is no place for one."""

    file: Path | None
    given: bool = False

    @classmethod
    def at(cls, chosen: Path | None) -> DockerConfig:
        """The file, or the one in the folder, that was chosen; else Docker's own."""
        if chosen is None:
            folder = os.environ.get("DOCKER_CONFIG")
            home = Path(folder) if folder else _home()
            return cls(home and home / "config.json")
        return cls(chosen / "config.json" if chosen.is_dir() else chosen, given=True)

    async def credentials(self, host: str) -> Credentials | None:
        """Those for this registry; None: there are none. Raises Trouble `credentials-unusable`."""
        config = await asyncio.to_thread(self._read)
        if (helper := _helper(config, host)) and (answer := await ask(helper, HUB_KEY if host == HUB else host)):
            return _of_helper(*answer)
        auths = _mapping(config.get("auths"))
        for key in _keys(auths, host):
            if found := self._of_entry(_mapping(auths[key])):
                return found
        return None

    def _read(self) -> Mapping[str, Any]:
        if self.file is None:
            return {}
        try:
            with self.file.open("rb") as opened:
                content = opened.read(MOST_BYTES + 1)
        except FileNotFoundError:
            if self.given:
                raise self._unusable("is not there. Put it there, or change OWNSTACK_DEPLOYER_DOCKER_CONFIG") from None
            return {}
        except OSError as error:
            raise self._unusable(f"can't be read: {error.strerror}. Make it readable for the deployer") from None
        try:
            config = orjson.loads(content) if len(content) <= MOST_BYTES else None
        except orjson.JSONDecodeError:
            config = None
        if not isinstance(config, dict):
            raise self._unusable("is not a config file of Docker. Have `docker login` write it") from None
        return config

    def _of_entry(self, entry: Mapping[str, Any]) -> Credentials | None:
        user, password = _text(entry, "username"), _text(entry, "password")
        if encoded := _text(entry, "auth"):
            try:
                user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
            except ValueError:
                raise self._unusable("has an `auth` that can't be read. Log in again: docker login") from None
        password = password.rstrip("\0")
        found = Credentials(user, password, _text(entry, "identitytoken"), _text(entry, "registrytoken"))
        return found if found.identity or found.registry or (user and password) else None

    def _unusable(self, what: str) -> Trouble:
        return Trouble("credentials-unusable", f"{self.file} {what}.")


def _home() -> Path | None:
    try:
        return Path.home() / ".docker"
    except RuntimeError:  # a user without a home, as containers have them
        return None


def _of_helper(user: str, secret: str) -> Credentials:
    return Credentials(identity=secret) if user == _BY_TOKEN else Credentials(user, secret)


def _helper(config: Mapping[str, Any], host: str) -> str:
    """The helper that has the credentials for this registry; empty: none has."""
    helpers = _mapping(config.get("credHelpers"))
    for key in (HUB_KEY, *_HUB_HOSTS) if host == HUB else (host,):
        if helper := _text(helpers, key):
            return helper
    return _text(config, "credsStore")


def _keys(auths: Mapping[str, Any], host: str) -> list[str]:
    """The keys that mean this registry, the plainest first."""
    hosts = _HUB_HOSTS if host == HUB else (host,)
    return sorted((key for key in auths if _host(key) in hosts), key=lambda key: (key not in (host, HUB_KEY), key))


def _host(key: str) -> str:
    return key.removeprefix("https://").removeprefix("http://").partition("/")[0].lower()


def _mapping(found: object) -> Mapping[str, Any]:
    return found if isinstance(found, dict) else {}


def _text(entry: Mapping[str, Any], name: str) -> str:
    found = entry.get(name)
    return found if isinstance(found, str) else ""
