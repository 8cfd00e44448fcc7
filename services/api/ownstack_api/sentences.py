"""What is wrong with a field, in words for people; never with what was sent, which may be a value of config."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, get_args

from pydantic import StringConstraints

from ownstack_contracts.images import Tag
from ownstack_contracts.names import (
    Code,
    CommandId,
    ConfigKey,
    Digest,
    Identifier,
    ImageReference,
    Name,
    PinnedImage,
    Repository,
)
from ownstack_contracts.reviews import CommitSha
from ownstack_contracts.stacks import SettingKey

_NAMED: tuple[tuple[object, str], ...] = (
    (Name, "name: lower-case letters, digits and hyphens, 63 at most, with no hyphen at an end"),
    (ConfigKey, "name of a variable: letters, digits and underscores, 255 at most, with no digit at the beginning"),
    (SettingKey, "name of a setting: lower-case letters, digits and underscores, 63 at most, a letter first"),
    (ImageReference, "image: repository, repository:tag or repository@sha256:…, such as ghcr.io/org/app:main"),
    (PinnedImage, "image with a digest: such as ghcr.io/org/app@sha256:…"),
    (Repository, "repository of images: such as ghcr.io/org/app, without tag and digest"),
    (Digest, "digest: sha256: and 64 hexadecimal digits"),
    (Tag, "tag: letters, digits or . _ -, 128 at most, with a letter, a digit or _ at the beginning"),
    (CommandId, "id: letters, digits or . _ : -, 64 at most, with a letter or a digit at the beginning"),
    (Identifier, "id: letters, digits or . _ : / # -, 200 at most, with a letter or a digit at the beginning"),
    (CommitSha, "commit: 40 or 64 hexadecimal digits in lower case"),
    (Code, "code: words of lower-case letters and digits, with hyphens between them"),
)


def _pattern_of(kind: object) -> str:
    """Raises StopIteration if it is not told by a pattern what a text of this kind is."""
    limits = (limit for limit in get_args(kind) if isinstance(limit, StringConstraints))
    return next(str(limit.pattern) for limit in limits if limit.pattern is not None)


_IS_NO = MappingProxyType({_pattern_of(kind): f"it is no {what}" for kind, what in _NAMED})


def _entries(number: int) -> str:
    return f"{number} {'entry' if number == 1 else 'entries'}"


_OF_TYPE: Mapping[str, Callable[[Mapping[str, Any]], str]] = MappingProxyType(
    {
        "missing": lambda _: "it is missing",
        "extra_forbidden": lambda _: "there is no such field",
        "string_pattern_mismatch": lambda ctx: _IS_NO.get(ctx["pattern"], "it has not the form that it must have"),
        "string_too_short": lambda ctx: f"it must have at least {ctx['min_length']} characters",
        "string_too_long": lambda ctx: f"it must have at most {ctx['max_length']} characters",
        "too_short": lambda ctx: f"it must have at least {_entries(ctx['min_length'])}",
        "too_long": lambda ctx: f"it must have at most {_entries(ctx['max_length'])}",
        "greater_than_equal": lambda ctx: f"it must be at least {ctx['ge']}",
        "less_than_equal": lambda ctx: f"it must be at most {ctx['le']}",
        "greater_than": lambda ctx: f"it must be more than {ctx['gt']}",
        "less_than": lambda ctx: f"it must be less than {ctx['lt']}",
        "literal_error": lambda ctx: f"it must be {ctx['expected'].replace('True', 'true')}",
        "union_tag_invalid": lambda ctx: f"its type must be one of {ctx['expected_tags']}",
        "union_tag_not_found": lambda _: "its type is missing",
        "model_attributes_type": lambda _: "it must be an object",
        "model_type": lambda _: "it must be an object",
        "dict_type": lambda _: "it must be an object",
        "tuple_type": lambda _: "it must be a list",
        "string_type": lambda _: "it must be a string",
        "int_type": lambda _: "it must be a whole number",
        "int_parsing": lambda _: "it must be a whole number",
        "bool_type": lambda _: "it must be true or false",
        "bool_parsing": lambda _: "it must be true or false",
    }
)

_NO_TEMPLATE = "it is no image with a tag: such as ghcr.io/org/app:pr-{number}-{sha}"


def sentence(error: Mapping[str, Any]) -> str:
    """What one of pydantic's errors says, without a full stop."""
    say = _OF_TYPE.get(error["type"])
    if say is not None:
        return say(error.get("ctx", {}))
    text = str(error["msg"]).removeprefix("Value error, ").replace("Input should be", "it must be", 1)
    return _NO_TEMPLATE if text.endswith(" is not an image reference") else text
