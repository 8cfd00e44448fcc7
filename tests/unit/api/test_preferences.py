"""`Prefer: wait=…` is read as RFC 7240 has it."""

from __future__ import annotations

import pytest

from ownstack_api.preferences import wait_of


@pytest.mark.parametrize(
    ("values", "seconds"),
    [
        ([], 0),
        (["wait=10"], 10),
        (["WAIT = 10"], 10),
        (['wait="10"'], 10),
        (["wait=10; foo=bar"], 10),
        (["respond-async, wait=10"], 10),
        (["respond-async", "wait=10"], 10),
        (["wait=10, wait=20"], 10),
        (["wait=600"], 60),
        (["wait=-1"], 0),
        (["wait=1.5"], 0),
        (["wait=x, wait=3"], 3),
        (["wait=" + "9" * 400], 0),
        (["wait"], 0),
        (["await=3"], 0),
        (["wait=١"], 0),
    ],
)
def test_the_seconds_to_wait(values: list[str], seconds: int) -> None:
    assert wait_of(values) == seconds
