"""Manifests, as registries keep them (OCI image specification; Docker image manifest, version 2, schema 2)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from ownstack_deployer.registry.trouble import Trouble

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
ACCEPTED = (OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST)
"""All are always asked for: a registry that is not told of one makes another manifest of it, with another digest."""
_SCHEMA_1 = "application/vnd.docker.distribution.manifest.v1+"
_LISTS = (OCI_INDEX, DOCKER_LIST)
MOST_BYTES = 4 << 20
"""Of a manifest, as registries bound it."""
_DIGEST = re.compile(r"sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Descriptor:
    """What a manifest refers to. elsewhere: its content is not necessarily in the registry."""

    digest: str
    size: int
    elsewhere: bool = False


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest with its very bytes. `children`: manifests that it lists; `blobs`: content that it is made of."""

    digest: str
    media_type: str
    content: bytes
    children: Sequence[Descriptor] = ()
    blobs: Sequence[Descriptor] = ()


def digest_in(header: str | None) -> str | None:
    """The digest that a header gives, if it is one."""
    return header if header and _DIGEST.fullmatch(header) else None


def computed(content: bytes, like: str = "sha256:") -> str:
    """The digest of these bytes, by the same algorithm as another."""
    algorithm = like.partition(":")[0]
    return f"{algorithm}:{hashlib.new(algorithm, content).hexdigest()}"


def media_type_in(header: str | None) -> str:
    """The media type without its parameters, in lower case."""
    return (header or "").partition(";")[0].strip().lower()


def read(content: bytes, content_type: str | None, digest: str | None) -> Manifest:
    """The manifest that a registry answered with. digest: what it has to fit, if that is known.

    Raises Trouble: `digest-mismatch`, `image-unsupported`.
    """
    if media_type_in(content_type).startswith(_SCHEMA_1):  # whose digest is not that of its bytes: it signs itself
        raise _unsupported("it is of schema 1. Push it anew with a tool of today")
    found = computed(content, digest or "sha256:")
    if digest is not None and found != digest:
        raise Trouble(
            "digest-mismatch", f"What the registry has as {digest} is {found}: it is damaged, or was tampered with."
        )
    try:
        parsed = orjson.loads(content)
    except orjson.JSONDecodeError:
        parsed = None
    if not isinstance(parsed, dict):
        raise _unsupported("it is no JSON object")
    media_type = _media_type(parsed, media_type_in(content_type))
    lists = media_type in _LISTS
    children = tuple(_descriptors(parsed.get("manifests"))) if lists else ()
    blobs = () if lists else tuple(_descriptors([parsed.get("config"), *_listed(parsed.get("layers"))]))
    return Manifest(found, media_type, content, children, blobs)


def _media_type(parsed: dict[str, Any], said: str) -> str:
    """What the registry says it is, which has to be what it says of itself, if it does."""
    own = parsed.get("mediaType")
    if isinstance(own, str) and said in ACCEPTED and own != said:
        raise _unsupported(f"it is served as {said}, and calls itself {own[:100]}")
    found = said if said in ACCEPTED else own
    if found not in ACCEPTED or parsed.get("schemaVersion") != 2:
        raise _unsupported(f"it is {str(found or said)[:100]!r}. Push it anew with a tool of today")
    return str(found)


def _listed(found: object) -> list[object]:
    if not isinstance(found, list):
        raise _unsupported("it is not as its type has to be")
    return found


def _descriptors(found: object) -> Iterator[Descriptor]:
    for entry in _listed(found):
        if not isinstance(entry, dict):
            raise _unsupported("it is not as its type has to be")
        digest, size = entry.get("digest"), entry.get("size")
        if not isinstance(digest, str) or not _DIGEST.fullmatch(digest) or not isinstance(size, int) or size < 0:
            raise _unsupported("it is not as its type has to be")
        yield Descriptor(digest, size, _is_elsewhere(entry))


def _is_elsewhere(entry: dict[str, Any]) -> bool:
    kind = str(entry.get("mediaType", ""))
    return bool(entry.get("urls")) or ".foreign." in kind or ".nondistributable." in kind


def _unsupported(why: str) -> Trouble:
    return Trouble("image-unsupported", f"The registry has a manifest there that is not one of an image: {why}.")


def error_code(content: bytes) -> str:
    """`, CODE`: the first code of an answer with errors; empty if there is none."""
    try:
        found = orjson.loads(content)["errors"][0]["code"]
    except (orjson.JSONDecodeError, TypeError, KeyError, IndexError):
        return ""
    return f", {found}" if isinstance(found, str) and re.fullmatch(r"[A-Z][A-Z_]{1,39}", found) else ""
