"""Validated names and references: what may stand in a message, and nothing else."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Annotated, Literal, NamedTuple

from pydantic import Field, StringConstraints

NAME_PATTERN = r"^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$"

Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
"""Lower case, digits and hyphens, at most 63, not beginning or ending with a hyphen (a DNS label, RFC 1123)."""

TeamName = Name
AppName = Name
StackName = Name

Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._:/#-]{0,199}$")]
"""An id: of a command, a promotion, a deployment, a job, a run."""

COMMAND_ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$"

CommandId = Annotated[str, StringConstraints(pattern=COMMAND_ID_PATTERN)]
"""The id of a command, chosen by its publisher; it becomes the id of the promotion or rollout that it opens."""

Text = Annotated[str, StringConstraints(max_length=2_000)]
"""A sentence for people."""

Code = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(?:-[a-z0-9]+)*$", max_length=64)]
"""A stable code of a refusal or a failure."""

Address = Annotated[str, StringConstraints(max_length=1_024)]
"""Where a stack is, as its driver reads it: the path of a program, a host name."""

Milliseconds = Annotated[int, Field(ge=0, le=253_402_300_799_999)]
"""A point in time: milliseconds since the epoch, UTC, up to the year 9999."""

Seconds = Annotated[int, Field(ge=1, le=7 * 24 * 3600)]
"""A duration: whole seconds, at most a week."""

Number = Annotated[int, Field(ge=0, le=2**53 - 1)]
"""A counter: exact in every JSON reader (RFC 8259, section 6)."""

Driver = Literal["dokku", "program", "noop"]
"""How a stack is driven: `dokku` is a Dokku server over SSH; `program` runs a program of the user's once per phase;
`noop` does nothing, for benchmarks."""

CONFIG_KEY_PATTERN = r"^[A-Za-z_][A-Za-z0-9_]{0,254}$"

ConfigKey = Annotated[str, StringConstraints(pattern=CONFIG_KEY_PATTERN)]
"""The name of a config variable: as in an environment (POSIX.1-2017, 8.1)."""

# The grammar of image references and digests: the OCI distribution specification and the OCI image specification
# ("descriptor", "digest"); the domain as container tools read it.
_DOMAIN_PART = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_DOMAIN = rf"(?:{_DOMAIN_PART}(?:\.{_DOMAIN_PART})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
_PATH_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = rf"(?:{_DOMAIN}/)?{_PATH_PART}(?:/{_PATH_PART})*"
_TAG = r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}"
_DIGEST = r"sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128}"

_REFERENCE = re.compile(rf"(?P<repository>{_REPOSITORY})(?::(?P<tag>{_TAG}))?(?:@(?P<digest>{_DIGEST}))?", re.ASCII)

Digest = Annotated[str, StringConstraints(pattern=rf"^(?:{_DIGEST})$")]
"""The digest of an image manifest."""

ImageReference = Annotated[
    str, StringConstraints(pattern=rf"^{_REPOSITORY}(?::{_TAG})?(?:@(?:{_DIGEST}))?$", max_length=600)
]
"""An image as a person names it: `repo`, `repo:tag`, `repo@sha256:…` or `repo:tag@sha256:…`."""

Repository = Annotated[str, StringConstraints(pattern=rf"^{_REPOSITORY}$", max_length=400)]
"""A repository of images: `registry.example/shop`."""

PinnedImage = Annotated[str, StringConstraints(pattern=rf"^{_REPOSITORY}(?::{_TAG})?@(?:{_DIGEST})$", max_length=600)]
"""An image that can only be one: its reference has a digest. Stacks receive nothing else."""


class Image(NamedTuple):
    """The parts of an image reference."""

    repository: str
    tag: str | None
    digest: str | None


def parse_image(reference: str) -> Image:
    """Split a reference that was validated as an `ImageReference`. Raises ValueError if it is none."""
    match = _REFERENCE.fullmatch(reference)
    if match is None:
        raise ValueError(f"{reference!r} is not an image reference")
    return Image(match["repository"], match["tag"], match["digest"])


@lru_cache(maxsize=4_096)
def digest_of(image: str) -> str:
    """The digest of a pinned image. Raises ValueError if the reference has none."""
    digest = parse_image(image).digest
    if digest is None:
        raise ValueError(f"{image!r} has no digest")
    return digest
