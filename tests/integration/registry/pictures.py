"""Images for tests, of all four types; and registries as a deployer sees them, with time that does not pass."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.real.httpstub import Given, Reply, Stub, passed_on
from tests.real.registry import PASSWORD, USER, Registry, basic, digest_of

from ownstack_deployer.registry.credentials import DockerConfig
from ownstack_deployer.registry.manifests import ACCEPTED, DOCKER_LIST, DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST
from ownstack_deployer.registry.places import Reach
from ownstack_deployer.registry.registries import Registries
from ownstack_deployer.registry.retrying import Retrying

ALL = ", ".join(ACCEPTED)
_CONFIG = {
    OCI_MANIFEST: "application/vnd.oci.image.config.v1+json",
    DOCKER_MANIFEST: "application/vnd.docker.container.image.v1+json",
}
_LAYER = {
    OCI_MANIFEST: "application/vnd.oci.image.layer.v1.tar+gzip",
    DOCKER_MANIFEST: "application/vnd.docker.image.rootfs.diff.tar.gzip",
}
KINDS = (OCI_MANIFEST, DOCKER_MANIFEST, OCI_INDEX, DOCKER_LIST)


@dataclass(frozen=True, slots=True)
class Picture:
    """An image that was pushed."""

    digest: str
    content: bytes
    media_type: str
    blobs: Sequence[str]
    children: Sequence[str] = ()


def pushed(registry: Registry, repository: str, kind: str, tag: str | None = None, salt: str = "1") -> Picture:
    """An image of this type; of two architectures where the type lists several."""
    if kind in _LAYER:
        return _single(registry, repository, kind, tag, salt)
    one = OCI_MANIFEST if kind == OCI_INDEX else DOCKER_MANIFEST
    parts = {arch: _single(registry, repository, one, None, f"{salt}-{arch}") for arch in ("amd64", "arm64")}
    entries = [
        {
            "mediaType": one,
            "digest": part.digest,
            "size": len(part.content),
            "platform": {"os": "linux", "architecture": arch},
        }
        for arch, part in parts.items()
    ]
    content = _written({"schemaVersion": 2, "mediaType": kind, "manifests": entries})
    digest = registry.manifest(repository, tag or digest_of(content), content, kind)
    blobs = [blob for part in parts.values() for blob in part.blobs]
    return Picture(digest, content, kind, blobs, [part.digest for part in parts.values()])


def _single(registry: Registry, repository: str, kind: str, tag: str | None, salt: str) -> Picture:
    config, layer = json.dumps({"salt": salt}).encode(), f"layer {salt} ".encode() * 50_000
    described = [
        {"mediaType": media_type, "digest": registry.blob(repository, content), "size": len(content)}
        for media_type, content in ((_CONFIG[kind], config), (_LAYER[kind], layer))
    ]
    content = _written({"schemaVersion": 2, "mediaType": kind, "config": described[0], "layers": described[1:]})
    digest = registry.manifest(repository, tag or digest_of(content), content, kind)
    return Picture(digest, content, kind, [str(entry["digest"]) for entry in described])


def _written(manifest: dict[str, Any]) -> bytes:
    return json.dumps(manifest, indent=3).encode()  # as nobody writes it again by chance


class Time:
    """Passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@dataclass(slots=True)
class Desk:
    """A deployer with a config file of Docker's."""

    folder: Path
    time: Time = field(default_factory=Time)
    plain: tuple[str, ...] = ("127.0.0.1",)
    _registries: Registries | None = None

    @property
    def file(self) -> Path:
        return self.folder / "config.json"

    def knows(self, host: str, **entry: str) -> None:
        """It is logged in there: as USER, unless said otherwise."""
        entry = entry or {"auth": basic(USER, PASSWORD).removeprefix("Basic ")}
        self.file.write_text(json.dumps({"auths": {host: entry}}))

    @property
    def registries(self) -> Registries:
        if self._registries is None:
            self._registries = Registries(
                DockerConfig(self.file),
                Reach(self.plain),
                "d1",
                retrying=lambda wire: Retrying(wire, self.time, self.time.sleep),
            )
        return self._registries


def before(
    registry: Registry,
    meddle: Callable[[Given], Reply | None] | None = None,
    then: Callable[[Given, Reply], Reply] | None = None,
) -> Stub:
    """A server in front of a registry. meddle: answers itself, or None; then: changes the answer of the registry."""

    def answer(given: Given) -> Reply:
        if meddle and (reply := meddle(given)) is not None:
            return reply
        reply = passed_on(registry.host, given)
        return then(given, reply) if then else reply

    return Stub(answer)
