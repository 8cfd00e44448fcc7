"""What runs: read from `ps:inspect`, which alone decides what is reported as live."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Annotated, Any

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from ownstack_contracts.jobs import Live
from ownstack_contracts.names import PinnedImage
from ownstack_deployer.drivers.dokku import markers
from ownstack_deployer.drivers.dokku.remote import Answer, Remote
from ownstack_deployer.drivers.port import PhaseFailed

UNKNOWN_APP = 20
MOST_SIGHT = 4 * 1024 * 1024
"""Bytes of a sight: what runs of an app is told with 10 KB for each container."""
MOST_CONTAINERS = 200
_MOST_NAMES, _MOST_NAMED, _MOST_NAME = 100, 65_536, 600
"""Names of one image that are read, characters of all of them, and of one."""
_NEVER_DEPLOYED = "requires at least 1 argument"
"""What `docker container inspect` says when it is given no container."""
_IMAGES = "com.dokku.docker-image-labeler/alternate-tags"
_PROCESS_TYPE = "com.dokku.process-type"


class _Config(BaseModel):
    """What is read of it."""

    Image: Any = None
    Labels: dict[Any, Any] | None = None


class _Container(BaseModel):
    Config: _Config


_CONTAINERS: TypeAdapter[list[_Container]] = TypeAdapter(Annotated[list[_Container], Field(max_length=MOST_CONTAINERS)])
_PINNED: TypeAdapter[str] = TypeAdapter(PinnedImage)


@dataclass(frozen=True, slots=True)
class Sight:
    """What was seen of an app. exists: whether Dokku knows it. live: what runs, if anything does."""

    exists: bool
    live: Live | None = None


async def inspect(remote: Remote, app: str) -> Sight:
    """Look. Raises Lost, PhaseFailed."""
    answer = await remote.ask("ps:inspect", app, most=MOST_SIGHT, too_long="look-unreadable")
    return await asyncio.to_thread(sight_of, answer, app)


def sight_of(answer: Answer, app: str) -> Sight:
    """What the answer of `ps:inspect` says. Raises PhaseFailed `look-unreadable`."""
    if answer.exit_code == UNKNOWN_APP:
        return Sight(exists=False)
    if answer.exit_code == 1 and _NEVER_DEPLOYED in answer.errors:
        return Sight(exists=True)
    if answer.exit_code != 0:
        raise PhaseFailed("look-unreadable", f"`ps:inspect {app}` ended with exit code {answer.exit_code}{answer.said}")
    return Sight(exists=True, live=_live_of(_containers(answer, app)))


def _containers(answer: Answer, app: str) -> list[_Config]:
    try:
        return [container.Config for container in _read(answer.out)]
    except (ValueError, RecursionError) as error:
        raise PhaseFailed(
            "look-unreadable",
            f"What `ps:inspect {app}` says is no list of up to {MOST_CONTAINERS} containers. Is it a Dokku of 0.38?",
        ) from error


def _read(text: str) -> list[_Container]:
    try:
        return _CONTAINERS.validate_json(text)
    except ValidationError as error:
        if error.errors(include_input=False)[0]["type"] != "json_invalid":
            raise
        return _CONTAINERS.validate_python(json.loads(text))  # which minds no halves of characters


def _live_of(containers: list[_Config]) -> Live | None:
    """What is live is what its least new container holds; web processes count, if there are any."""
    web = [config for config in containers if _labels(config).get(_PROCESS_TYPE) == "web"]
    lives = [_held_by(config) for config in web or containers]
    return min(lives, key=lambda live: live.generation, default=None)


def _held_by(config: _Config) -> Live:
    labels = _labels(config)
    named = _named(labels)
    pinned = next((name for name in named if _is_pinned(name)), None)
    reference = None if pinned else [*named, _text(config.Image) or "unknown"][0][:_MOST_NAME]
    return markers.read(labels, Live(image=pinned, reference=reference))


def _labels(config: _Config) -> Mapping[str, str]:
    """Those that say something to us."""
    labels = ((name, _text(value)) for name, value in (config.Labels or {}).items() if _matters(name))
    return {name: value for name, value in labels if value is not None}


def _matters(name: str) -> bool:
    return name in (_IMAGES, _PROCESS_TYPE) or name.startswith(markers.PREFIX)


def _text(value: object) -> str | None:
    """The value, if it is text."""
    if not isinstance(value, str):
        return None
    try:
        value.encode()
    except UnicodeEncodeError:
        return None
    return value


def _named(labels: Mapping[str, str]) -> list[str]:
    """What the image was called when it was deployed; it may have been built on the server, from anything."""
    text = labels.get(_IMAGES) or "[]"
    try:
        named = json.loads(text) if len(text) <= _MOST_NAMED else None
    except (ValueError, RecursionError):
        return []
    names = islice(named, _MOST_NAMES) if isinstance(named, list) else ()
    return [name for name in map(_text, names) if name]


def _is_pinned(name: str) -> bool:
    try:
        _PINNED.validate_python(name)
    except ValidationError:
        return False
    return True
