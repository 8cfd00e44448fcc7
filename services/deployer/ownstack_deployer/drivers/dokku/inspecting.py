"""What runs: read from `ps:inspect`, which alone decides what is reported as live."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import BaseModel, TypeAdapter, ValidationError

from ownstack_contracts.jobs import Live
from ownstack_contracts.names import PinnedImage
from ownstack_deployer.drivers.dokku import markers
from ownstack_deployer.drivers.dokku.remote import Answer, Remote
from ownstack_deployer.drivers.port import PhaseFailed

UNKNOWN_APP = 20
_NEVER_DEPLOYED = "requires at least 1 argument"
"""What `docker container inspect` says when it is given no container."""
_IMAGES = "com.dokku.docker-image-labeler/alternate-tags"
_PROCESS_TYPE = "com.dokku.process-type"


class _Config(BaseModel):
    """What is read of it."""

    Image: str = "unknown"
    Labels: dict[str, str] | None = None


class _Container(BaseModel):
    Config: _Config


_CONTAINERS: TypeAdapter[list[_Container]] = TypeAdapter(list[_Container])
_PINNED: TypeAdapter[str] = TypeAdapter(PinnedImage)


@dataclass(frozen=True, slots=True)
class Sight:
    """What was seen of an app. exists: whether Dokku knows it. live: what runs, if anything does."""

    exists: bool
    live: Live | None = None


async def inspect(remote: Remote, app: str) -> Sight:
    """Look. Raises Lost, PhaseFailed."""
    return sight_of(await remote.ask("ps:inspect", app), app)


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
        return [container.Config for container in _CONTAINERS.validate_json(answer.out)]
    except ValidationError as error:
        how = "is longer than 4 MiB" if answer.too_long else "is no list of containers"
        raise PhaseFailed("look-unreadable", f"What `ps:inspect {app}` says {how}. Is it a Dokku of 0.38?") from error


def _live_of(containers: list[_Config]) -> Live | None:
    """What is live is what its least new container holds; web processes count, if there are any."""
    web = [config for config in containers if _labels(config).get(_PROCESS_TYPE) == "web"]
    lives = [_held_by(config) for config in web or containers]
    return min(lives, key=lambda live: live.generation, default=None)


def _held_by(config: _Config) -> Live:
    labels = _labels(config)
    named = _named(labels)
    pinned = next((name for name in named if _is_pinned(name)), None)
    reference = None if pinned else [*named, config.Image][0][:600]
    return markers.read(labels, Live(image=pinned, reference=reference))


def _labels(config: _Config) -> Mapping[str, str]:
    return config.Labels or {}


def _named(labels: Mapping[str, str]) -> list[str]:
    """What the image was called when it was deployed; it may have been built on the server, from anything."""
    try:
        named = json.loads(labels.get(_IMAGES) or "[]")
    except ValueError:
        return []
    return [name for name in named if isinstance(name, str)] if isinstance(named, list) else []


def _is_pinned(name: str) -> bool:
    try:
        _PINNED.validate_python(name)
    except ValidationError:
        return False
    return True
