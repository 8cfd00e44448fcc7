"""What a registry asks for is read as RFC 9110 has it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ownstack_deployer.registry.challenges import Challenge, challenges

HUB = (
    'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/shop:pull,push"'
)


def test_a_realm_a_service_and_a_scope_are_read() -> None:
    assert challenges([HUB]) == [
        Challenge(
            "bearer",
            {
                "realm": "https://auth.docker.io/token",
                "service": "registry.docker.io",
                "scope": "repository:library/shop:pull,push",
            },
        )
    ]


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([], []),
        ([""], []),
        (["Basic"], [Challenge("basic")]),
        (['BASIC realm="a, b"'], [Challenge("basic", {"realm": "a, b"})]),
        (['Basic Realm = "a \\"b\\""'], [Challenge("basic", {"realm": 'a "b"'})]),
        (["Bearer realm=x, service=y"], [Challenge("bearer", {"realm": "x", "service": "y"})]),
        (
            ['Basic realm="r", Bearer realm="https://a/",service="s"'],
            [Challenge("basic", {"realm": "r"}), Challenge("bearer", {"realm": "https://a/", "service": "s"})],
        ),
        (['Basic realm="r"', "Bearer x=1"], [Challenge("basic", {"realm": "r"}), Challenge("bearer", {"x": "1"})]),
        (["Negotiate, Basic realm=r"], [Challenge("negotiate"), Challenge("basic", {"realm": "r"})]),
        (['Bearer realm="never closed'], [Challenge("bearer")]),
    ],
)
def test_all_ways_are_read_in_order(headers: list[str], expected: list[Challenge]) -> None:
    assert challenges(headers) == expected


@given(st.lists(st.text(max_size=200), max_size=3))
def test_nothing_that_is_said_makes_it_fail(headers: list[str]) -> None:
    for challenge in challenges(headers):
        assert challenge.scheme


def test_a_header_that_is_made_to_take_long_does_not() -> None:
    assert challenges(["a=" * 1_000_000]) == []
    assert challenges(["Bearer " + 'x="\\' * 1_000_000])
