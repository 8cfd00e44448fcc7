"""What somebody typed, checked before it is sent where that is cheap: names, and references of images.

The server has the same rules, and the last word.
"""

from __future__ import annotations

import re
from typing import TypeVar

from ownstack.exits import Exit, Failure

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_NOT_IN_NAMES = re.compile(r"[^a-z0-9]+")
_REFERENCE = "Such as ghcr.io/org/app:v2, or ghcr.io/org/app@sha256:…"
_REPOSITORY = "Such as ghcr.io/org/app, without a tag. Empty: the repository of the image."
_LONGEST_REFERENCE, _LONGEST_REPOSITORY = 600, 400

Typed = TypeVar("Typed", str, list[str], str | None, list[str] | None)


def without_value(word: str) -> str:
    """A word as it may be repeated: what follows a `=` may be a secret (`config:set`)."""
    name, equals, _ = word.partition("=")
    return f"{name}=…" if equals else word


def named(typed: Typed) -> Typed:
    """The names of apps or stacks that an argument or option gives, as they are. Raises Failure if one can be none."""
    for name in [typed] if isinstance(typed, str) else typed or []:
        if not _NAME.fullmatch(name):
            message = f"{_shown(name)} is no name: lower case letters, digits and hyphens, at most 63."
            raise Failure("name-invalid", message, hint=_alike(name), exit_code=Exit.USAGE)
    return typed


def must_name_a_team(name: str) -> None:
    """Raises a usage Failure unless a team can be called so."""
    if not _NAME.fullmatch(name):
        hint = "Lower case, digits and hyphens, at most 63."
        raise Failure("usage", f"{name!r} is no name for a team.", hint=hint, exit_code=Exit.USAGE)


def must_be_image(reference: str) -> None:
    """Raises a usage Failure unless an image can be called so."""
    if len(reference) > _LONGEST_REFERENCE or not _is_reference(reference):
        raise _no(reference, "no reference of an image", _REFERENCE)


def must_be_repository(repository: str) -> None:
    """Raises a usage Failure unless a repository of images can be called so."""
    if len(repository) > _LONGEST_REPOSITORY or not _is_reference(repository, repository_alone=True):
        raise _no(repository, "no repository of images", _REPOSITORY)


def _is_reference(text: str, *, repository_alone: bool = False) -> bool:
    from ownstack_contracts.names import parse_image  # noqa: PLC0415 - most of what is typed does without

    try:
        image = parse_image(text)
    except ValueError:
        return False
    return not repository_alone or image.repository == text


def _no(text: str, what: str, hint: str) -> Failure:
    return Failure("usage", f"{_shown(text)} is {what}.", hint=hint, exit_code=Exit.USAGE)


def _shown(text: str) -> str:
    shown = without_value(text)
    return ascii(shown if len(shown) <= 80 else f"{shown[:79]}…")


def _alike(name: str) -> str:
    """What whoever typed it may have meant; a value that got there by mistake is not repeated."""
    alike = _NOT_IN_NAMES.sub("-", name.partition("=")[0].lower())[:63].strip("-")
    return f"Such as {alike or 'shop-staging'}."
