"""Payloads: what is read of them, and what has another shape, which is refused without being repeated."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.unit.api.deliveries import deliver, payload
from tests.unit.api.house import House, problem_of
from tests.unit.api.test_webhooks import OPENED_AT, shop

from ownstack_api.github import change_of

__all__ = ["shop"]  # the fixture


def changed(**values: Any) -> bytes:
    """The payload of a pull request that was opened, with other values at `a__b`."""
    document = json.loads(payload("pull_request.opened"))
    for path, value in values.items():
        *above, last = path.split("__")
        place = document
        for step in above:
            place = place[step]
        place[last] = value
    return json.dumps(document).encode()


WRONG: dict[str, dict[str, Any]] = {
    "no number": {"pull_request__number": "s3cr3t"},
    "number 0": {"pull_request__number": 0},
    "a number without end": {"pull_request__number": 2**31},
    "no sha": {"pull_request__head__sha": "s3cr3t"},
    "a path as sha": {"pull_request__head__sha": "../../s3cr3t"},
    "no time": {"pull_request__updated_at": "s3cr3t"},
    "a time without a zone": {"pull_request__updated_at": "2025-03-04T09:58:31"},
    "a time before all": {"pull_request__updated_at": "1969-12-31T23:59:59Z"},
    "another state": {"pull_request__state": "s3cr3t"},
    "no base": {"pull_request__base": None},
    "no repository of the base": {"pull_request__base__repo": None},
    "no pull request": {"pull_request": "s3cr3t"},
    "an action that is none": {"action": "s3cr3t; rm -rf /"},
    "no action": {"action": None},
    "another sender": {"sender": "s3cr3t"},
}


@pytest.mark.parametrize("values", WRONG.values(), ids=WRONG)
async def test_a_payload_of_another_shape_is_refused_without_repeating_it(
    shop: House, values: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    response = await deliver(shop.anonymous, "pull_request.opened", body=changed(**values))
    assert problem_of(response) == (422, "invalid-request")
    assert response.json()["errors"][0]["field"].startswith(("action", "pull_request", "sender"))
    assert "s3cr3t" not in response.text + caplog.text
    assert not shop.bus.published


@pytest.mark.parametrize("body", [b"", b"{", b"s3cr3t", b"\xff", b"[" * 100_000, b'{"action": ' + b"9" * 10_000 + b"}"])
async def test_a_signed_body_that_is_no_json_is_refused(shop: House, body: bytes) -> None:
    response = await deliver(shop.anonymous, "pull_request.opened", body=body)
    assert problem_of(response) == (400, "not-json")
    assert "s3cr3t" not in response.text


@pytest.mark.parametrize("body", [b"[]", b"null", b'"opened"', b"{}"])
async def test_json_that_is_no_payload_is_refused(shop: House, body: bytes) -> None:
    response = await deliver(shop.anonymous, "pull_request.opened", body=body)
    assert problem_of(response) == (422, "invalid-request")


@pytest.mark.parametrize(
    ("login", "actor"),
    [
        ("anna\nlindqvist", "github:annalindqvist"),
        ("ä; drop", "github:drop"),
        ("anna_acme", "github:anna_acme"),
        ("x" * 1_000, "github:" + "x" * 100),
        ("€", "github"),
    ],
)
async def test_a_strange_login_is_cut_to_what_a_name_may_be(shop: House, login: str, actor: str) -> None:
    await deliver(shop.anonymous, "pull_request.opened", body=changed(sender__login=login))
    assert [event.envelope.actor for event in shop.bus.events()] == [actor]


async def test_what_is_not_looked_at_may_be_anything(shop: House) -> None:
    body = changed(pull_request__title="\ud83d", sender=None, new_field={"a": [1]}, pull_request__user=None)
    assert (await deliver(shop.anonymous, "pull_request.opened", body=body)).json()["outcome"] == "proposed"


def test_times_are_read_to_the_millisecond_in_any_zone() -> None:
    for said, at in (("2025-03-04T10:58:31+01:00", OPENED_AT), ("2025-03-04T09:58:31.987654Z", OPENED_AT + 987)):
        change = change_of(changed(pull_request__updated_at=said))
        assert not isinstance(change, str)
        assert change.at == at
