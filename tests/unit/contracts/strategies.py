"""Any message of any type: hypothesis strategies that are built from the pydantic models themselves."""

from __future__ import annotations

import os
import re
import types
from collections.abc import Iterator
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Le, MaxLen, MinLen
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from pydantic import StringConstraints
from pydantic.fields import FieldInfo

from ownstack_contracts.catalog import TYPES_BY_TOPIC
from ownstack_contracts.config import ConfigSet
from ownstack_contracts.message import Message
from ownstack_contracts.reviews import ReviewAppsEnabled
from ownstack_contracts.rollouts import StackRetryRequested

MESSAGE_TYPES = {name: kind for types_ in TYPES_BY_TOPIC.values() for name, kind in types_.items()}
BIGGEST = 2**53 - 1

_WANTED = os.environ.get("OWNSTACK_EXAMPLES")


def effort(examples: int) -> settings:
    """So many examples, the same on every run; OWNSTACK_EXAMPLES=N: N others each time."""
    return settings(max_examples=int(_WANTED or examples), derandomize=_WANTED is None, deadline=None, database=None)


anything = st.recursive(
    st.none() | st.booleans() | st.integers(-BIGGEST, BIGGEST) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)


@cache
def messages(kind: type[Message]) -> SearchStrategy[Message]:
    """Messages of one type, with every field that may be absent sometimes absent."""
    required = {n: _of(f.annotation, list(f.metadata)) for n, f in kind.model_fields.items() if f.is_required()}
    optional = {n: _of(f.annotation, list(f.metadata)) for n, f in kind.model_fields.items() if not f.is_required()}
    if kind is StackRetryRequested:  # it names exactly one of two things
        stack = st.fixed_dictionaries({**required, "stack": optional["stack"].filter(bool)})
        script = st.fixed_dictionaries({**required, "postdeploy": st.just(True)})
        return st.builds(lambda fields: kind(**fields), stack | script)
    if kind is ConfigSet:  # review apps are on no stack
        optional["review"] = st.just(False)
    if kind is ReviewAppsEnabled:
        required["image"] = st.sampled_from(("ghcr.io/acme/shop:pr-{number}-{sha}", "shop:{short_sha}"))
    return st.builds(lambda fields: kind(**fields), st.fixed_dictionaries(required, optional=optional))


def _of(annotation: Any, metadata: list[Any]) -> SearchStrategy[Any]:
    if get_origin(annotation) is Annotated:
        inner, *more = get_args(annotation)
        return _of(inner, [*more, *metadata])
    if get_origin(annotation) in (Union, types.UnionType):
        return st.one_of(*(_of(option, metadata) for option in get_args(annotation)))
    if get_origin(annotation) is Literal:
        return st.sampled_from(get_args(annotation))
    if get_origin(annotation) is tuple:
        return _tuples(get_args(annotation)[0], metadata)
    if get_origin(annotation) is dict:
        return _dicts(*get_args(annotation))
    return _plain(annotation, metadata)


def _plain(annotation: Any, metadata: list[Any]) -> SearchStrategy[Any]:
    if annotation is type(None):
        return st.none()
    if annotation is bool:
        return st.booleans()
    if annotation is int:
        return st.integers(_bound(metadata, Ge, "ge", -BIGGEST), _bound(metadata, Le, "le", BIGGEST))
    if annotation is str:
        return _strings(metadata)
    if isinstance(annotation, type) and issubclass(annotation, Message):
        return messages(annotation)
    raise NotImplementedError(f"no strategy for {annotation}")


def _tuples(item: Any, metadata: list[Any]) -> SearchStrategy[tuple[Any, ...]]:
    least = _bound(metadata, MinLen, "min_length", 0)
    most = min(_bound(metadata, MaxLen, "max_length", 3), least + 3)
    return st.lists(_of(item, []), min_size=least, max_size=most).map(tuple)


def _dicts(key: Any, value: Any) -> SearchStrategy[dict[Any, Any]]:
    return st.dictionaries(_of(key, []), anything if value is Any else _of(value, []), max_size=3)


def _strings(metadata: list[Any]) -> SearchStrategy[str]:
    constraints = next((m for m in metadata if isinstance(m, StringConstraints)), StringConstraints())
    most = constraints.max_length or _bound(metadata, MaxLen, "max_length", 60)
    if constraints.pattern is None:
        return st.text(min_size=constraints.min_length or 0, max_size=min(most, 60))
    pattern = re.compile(str(constraints.pattern), re.ASCII)
    found = st.from_regex(pattern, fullmatch=True)
    return found if constraints.max_length is None else found.filter(lambda text: len(text) <= most)


def _bound(metadata: list[Any], kind: type, attribute: str, otherwise: int) -> int:
    return next((getattr(m, attribute) for m in _flat(metadata) if isinstance(m, kind)), otherwise)


def _flat(metadata: list[Any]) -> Iterator[Any]:
    for entry in metadata:
        yield from _flat(list(entry.metadata)) if isinstance(entry, FieldInfo) else [entry]
