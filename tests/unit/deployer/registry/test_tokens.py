"""Tokens are kept as long as they hold, and no longer."""

from __future__ import annotations

import pytest

from ownstack_deployer.registry import tokens
from ownstack_deployer.registry.credentials import Credentials
from ownstack_deployer.registry.tokens import Tokens, read


class Time:
    now = 0.0

    def __call__(self) -> float:
        return self.now


KEY = ("https://r.example/v2/", ("repository:shop:pull",), Credentials("ci", "a"))


def test_one_is_kept_until_shortly_before_its_end() -> None:
    time = Time()
    kept = Tokens(time)
    kept.keep(KEY, "t", 60)
    time.now = 49
    assert kept.find(KEY) == "t"
    time.now = 50
    assert kept.find(KEY) is None


@pytest.mark.parametrize(
    "other",
    [
        ("https://other.example/v2/", KEY[1], KEY[2]),
        (KEY[0], ("repository:other:pull",), KEY[2]),
        (KEY[0], KEY[1], Credentials("ci", "b")),
        (KEY[0], KEY[1], None),
    ],
)
def test_one_is_for_one_registry_one_scope_and_one_user(other: tokens.Key) -> None:
    kept = Tokens(Time())
    kept.keep(KEY, "t", 60)
    assert kept.find(other) is None


def test_only_so_many_are_kept() -> None:
    kept = Tokens(Time())
    for number in range(tokens.MOST + 10):
        kept.keep((str(number), (), None), "t", 60)
    assert kept.find(("9", (), None)) is None
    assert kept.find(("10", (), None)) == "t"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b'{"token": "a", "expires_in": 300}', ("a", 300.0)),
        (b'{"access_token": "a"}', ("a", 60.0)),
        (b'{"token": "", "access_token": "a", "expires_in": "x"}', ("a", 60.0)),
        (b'{"token": "a", "expires_in": -1}', ("a", 60.0)),
        (b'{"token": "a\\r\\nX: y"}', None),
        (b'{"token": "\\u00e9"}', None),
        (b"{", None),
        (b"7", None),
    ],
)
def test_an_answer_is_read(content: bytes, expected: tuple[str, float] | None) -> None:
    assert read(content) == expected
