"""What is said of a request that does not hold: a sentence for people, at the field, and nothing of what was sent."""

from __future__ import annotations

from typing import Any

import pytest
from tests.unit.api.house import House, problem_of
from tests.unit.api.variables import CANARY, with_config

NAME = "it is no name: lower-case letters, digits and hyphens, 63 at most, with no hyphen at an end"
IMAGE = "it is no image: repository, repository:tag or repository@sha256:…, such as ghcr.io/org/app:main"
REPOSITORY = "it is no repository of images: such as ghcr.io/org/app, without tag and digest"
VARIABLE = "it is no name of a variable: letters, digits and underscores, 255 at most, with no digit at the beginning"
TEMPLATE = "it is no image with a tag: such as ghcr.io/org/app:pr-{number}-{sha}"
SAME = "it names the same image for every pull request: put {number}, {sha} or {short_sha} into it"
SETTING = "it is no name of a setting: lower-case letters, digits and underscores, 63 at most, a letter first"
SCOPES = "review apps are on no stack of the app: give a stack, or review: true"
COMMIT = "it is no commit: 40 or 64 hexadecimal digits in lower case"
ID = "it is no id: letters, digits or . _ : / # -, 200 at most, with a letter or a digit at the beginning"

SAID: list[tuple[str, str, Any, list[tuple[str, str]]]] = [
    ("POST", "/apps", {"name": "Shop", "stacks": ["eu", "-"]}, [("name", NAME), ("stacks.1", NAME)]),
    ("POST", "/apps", {}, [("name", "it is missing")]),
    ("POST", "/apps", [], [("body", "it must be an object")]),
    ("POST", "/apps", {"name": "a", "nome": CANARY}, [("nome", "there is no such field")]),
    ("POST", "/apps", {"name": 1, "stacks": "eu"}, [("name", "it must be a string"), ("stacks", "it must be a list")]),
    ("POST", "/apps", {"name": "a", "stacks": ["eu"] * 5_001}, [("stacks", "it must have at most 5000 entries")]),
    ("POST", "/apps/shop/deployments", {"image": f"{CANARY} A"}, [("image", IMAGE)]),
    ("POST", "/apps/shop/deployments", {"image": "a" * 601}, [("image", "it must have at most 600 characters")]),
    ("POST", "/apps/shop/deployments", {"image": "a", "stacks": []}, [("stacks", "it must have at least 1 entry")]),
    ("PATCH", "/apps/shop/settings", {"retag_to": "a:b"}, [("retag_to", REPOSITORY)]),
    (
        "PATCH",
        "/apps/shop/settings",
        {"running_deadline": 0, "waiting_deadline": 10**6, "retag": 1, "postdeploy": "sometimes"},
        [
            ("postdeploy", "it must be 'once-per-promotion', 'once-per-app' or 'each-stack'"),
            ("waiting_deadline", "it must be at most 604800"),
            ("running_deadline", "it must be at least 1"),
            ("retag", "it must be true or false"),
        ],
    ),
    ("PUT", "/pipelines/shop/review-apps", {"stack": "eu", "image": "A {sha}"}, [("image", TEMPLATE)]),
    ("PUT", "/pipelines/shop/review-apps", {"stack": "eu", "image": "a:b"}, [("image", SAME)]),
    ("PATCH", "/apps/shop/config", {"values": {f"A {CANARY}": "1"}}, [("values.(a name)", VARIABLE)]),
    ("PATCH", "/apps/shop/config", {"values": {"literal": 1}}, [("values.literal", "it must be a string")]),
    ("PATCH", "/apps/shop/config", {"values": {}, "stack": "eu", "review": True}, [("body", SCOPES)]),
    ("PATCH", "/apps/shop/config", {"values": [CANARY]}, [("values", "it must be an object")]),
    ("PATCH", "/apps/shop/config", {"values": {"A": f"{CANARY}\0"}}, [("values.A", "no environment can hold a NUL")]),
    ("POST", "/stacks", {"name": "eu", "driver": "noop", "settings": {"A": "b"}}, [("settings.A", SETTING)]),
    ("GET", "/history?limit=0", None, [("query.limit", "it must be at least 1")]),
    ("GET", "/history?limit=x", None, [("query.limit", "it must be a whole number")]),
    ("GET", "/apps/Shop", None, [("path.app", NAME)]),
    ("POST", "/commands", {"data": {}}, [("body", "its type is missing")]),
    (
        "POST",
        "/commands",
        {"type": "ReviewAppOpened", "data": {"production": "shop", "number": 0, "sha": "1", "at": 1, "app_id": "-"}},
        [
            ("ReviewAppOpened.data.number", "it must be at least 1"),
            ("ReviewAppOpened.data.sha", COMMIT),
            ("ReviewAppOpened.data.app_id", ID),
        ],
    ),
    (
        "POST",
        "/commands",
        {"type": "AppSettingsChanged", "data": {"app": "shop", "retag_to": "a:b"}},
        [("AppSettingsChanged.data.retag_to", REPOSITORY)],
    ),
]


@pytest.mark.parametrize(("method", "path", "body", "said"), SAID, ids=[f"{s[1]} {s[3][0]}" for s in SAID])
async def test_what_is_wrong_is_said_at_its_field_in_a_sentence(
    house: House, method: str, path: str, body: Any, said: list[tuple[str, str]]
) -> None:
    with_config(house, "shop")
    response = await house.client.request(method, f"/api/v1{path}", json=body)
    assert problem_of(response) == (422, "invalid-request")
    assert [(error["field"], error["message"]) for error in response.json()["errors"]] == said
    field, message = said[0]
    assert response.json()["detail"] == f"{field}: {message}."
    assert CANARY not in response.text


async def test_a_type_of_command_that_is_none_is_not_repeated(house: House) -> None:
    response = await house.client.post("/api/v1/commands", json={"type": CANARY, "data": {}})
    assert problem_of(response) == (422, "invalid-request")
    (error,) = response.json()["errors"]
    assert error["message"].startswith("its type must be one of 'TeamCreated', ")
    assert CANARY not in response.text
