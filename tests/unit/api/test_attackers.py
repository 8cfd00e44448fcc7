"""What those who mean harm get: an answer that is a problem, says nothing of us, and changes nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from tests.unit.api.house import IMAGE, NOW, TEAM, House, problem_of

QUERIES = [
    "/me",
    "/stacks",
    "/stacks/eu-1",
    "/apps",
    "/apps/shop",
    "/apps/shop/releases",
    "/apps/shop/deployments",
    "/apps/shop/logs",
    "/apps/shop/logs/events",
    "/deployments/d.eu-1",
    "/pipelines",
    "/pipelines/shop",
    "/promotions",
    "/promotions/p-1",
    "/rollouts",
    "/rollouts/p-1",
    "/commands/k-1",
    "/history",
    "/events",
    "/tokens",
    "/nothing",
    "",
    "/%2e%2e/x",
]


@pytest.mark.parametrize("path", QUERIES)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS"])
async def test_without_a_token_there_is_nothing_not_even_a_404(house: House, method: str, path: str) -> None:
    response = await house.anonymous.request(method, f"/api/v1{path}")
    assert problem_of(response) == (401, "token-missing")
    assert response.headers["www-authenticate"] == 'Bearer realm="ownstack"'


@pytest.mark.parametrize(
    "given",
    ["Bearer", "Bearer ", "Basic {secret}", "{secret}", "Bearer\t{secret}", "bearer: {secret}", "Token token={secret}"],
)
async def test_a_token_that_is_given_otherwise_is_none(house: House, given: str) -> None:
    headers = {"Authorization": given.format(secret=house.secret)}
    assert problem_of(await house.anonymous.get("/api/v1/me", headers=headers)) == (401, "token-missing")


@pytest.mark.parametrize("secret", ["own_x", "' OR 1=1 --", "x" * 60_000, "own_\xff"])
async def test_an_unknown_token_is_refused(house: House, secret: str) -> None:
    headers = [("Authorization", f"Bearer {secret}".encode("latin-1"))]
    response = await house.anonymous.get("/api/v1/me", headers=headers)  # type: ignore[arg-type]
    assert problem_of(response) == (401, "token-unknown")
    assert 'error="invalid_token"' in response.headers["www-authenticate"]
    assert secret not in response.text


async def test_two_tokens_are_none(house: House) -> None:
    headers = [("Authorization", f"Bearer {house.secret}"), ("Authorization", "Bearer own_x")]
    assert problem_of(await house.anonymous.get("/api/v1/me", headers=headers)) == (401, "token-missing")


async def test_a_revoked_token_is_worth_nothing(house: House) -> None:
    me = (await house.client.get("/api/v1/me")).json()
    house.vault.tokens.revoke(TEAM, me["token"], NOW)
    assert problem_of(await house.client.get("/api/v1/me")) == (401, "token-unknown")
    assert problem_of(await house.client.delete("/api/v1/apps/shop")) == (401, "token-unknown")
    assert not house.bus.published


@pytest.mark.parametrize("name", ["; rm -rf /", "$(reboot)", "../../etc/passwd", "Shop", "a" * 64, "shop\n", "shop%00"])
async def test_a_name_that_is_none_reaches_nobody(house: House, name: str) -> None:
    in_body = await house.client.post("/api/v1/apps", json={"name": name})
    in_command = await house.client.post("/api/v1/commands", json={"type": "AppCreated", "data": {"app": name}})
    in_list = await house.client.post("/api/v1/apps", json={"name": "shop", "stacks": ["eu-1", name]})
    for response in (in_body, in_command, in_list):
        assert problem_of(response) == (422, "invalid-request")
    assert in_list.json()["errors"][0]["field"] == "stacks.1"
    in_path = await house.client.delete("/api/v1/apps/" + "".join(f"%{ord(letter):02x}" for letter in name))
    assert problem_of(in_path)[0] in (404, 422)
    assert not house.bus.published


async def post(house: House, content: Any, **headers: str) -> httpx.Response:
    sent = {"Content-Type": "application/json", **headers}
    return await house.client.post("/api/v1/apps", content=content, headers=sent)


BROKEN = {
    "cut": b'{"name": "shop"',
    "deep arrays": b"[" * 100_000,
    "deep arrays, closed": b"[" * 100_000 + b"]" * 100_000,
    "deep objects": b'{"a":' * 40_000 + b"1" + b"}" * 40_000,
    "deep in a field": b'{"name": "shop", "stacks": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "not utf-8": b'{"name": "sh\xff\xfep"}',
    "utf-16": '{"name": "shop"}'.encode("utf-16"),
    "byte order mark": b'\xef\xbb\xbf{"name": "shop"}',
    "the same key twice": b'{"name": "shop", "name": "other"}',
    "the same key twice, escaped": b'{"name": "shop", "n\\u0061me": "other"}',
    "NaN": b'{"name": "shop", "stacks": NaN}',
    "Infinity": b'{"name": "shop", "stacks": -Infinity}',
    "a number without end": b'{"name": ' + b"9" * 10_000 + b"}",
    "two values": b'{"name": "shop"} {"name": "shop"}',
    "a comment": b'{"name": "shop" /* x */}',
}


@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN)
async def test_a_body_that_is_no_json_is_refused(house: House, body: bytes) -> None:
    assert problem_of(await post(house, body)) == (400, "not-json")
    assert not house.bus.published


@pytest.mark.parametrize(
    "body",
    [
        b"null",
        b"[]",
        b'"shop"',
        b"1e999",
        b"{}",
        b'{"name": 1}',
        b'{"name": null}',
        b'{"name": "shop", "stack": []}',
        b'{"name": "\\ud800"}',
        b'{"name": "shop", "stacks": {"0": "eu-1"}}',
        b'{"name": "shop", "stacks": "eu-1"}',
        b'{"name": "shop", "\\ud800": 1}',
        b'{"name": "shop", "' + b"x" * 100_000 + b'": 1}',
        b"[" * 900 + b"]" * 900,
        b"",
    ],
)
async def test_json_that_does_not_hold_is_refused_with_the_place(house: House, body: bytes) -> None:
    response = await post(house, body)
    assert problem_of(response) == (422, "invalid-request")
    assert 0 < len(response.json()["errors"][0]["field"]) <= len("stacks.") + 80
    assert len(response.content) < 2_000
    assert not house.bus.published


@pytest.mark.parametrize(
    "media_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/json5",
        "",
        "json",
    ],
)
async def test_a_body_of_another_media_type_is_refused(house: House, media_type: str) -> None:
    response = await house.client.post(
        "/api/v1/apps", content=b'{"name": "shop"}', headers={"Content-Type": media_type}
    )
    assert problem_of(response) == (415, "not-json-type")


async def test_a_body_without_a_media_type_is_refused(house: House) -> None:
    assert problem_of(await house.client.post("/api/v1/apps", content=b'{"name": "shop"}')) == (415, "not-json-type")


@pytest.mark.parametrize("media_type", ["application/json", "Application/JSON; charset=utf-8"])
async def test_json_is_read_however_its_type_is_written(house: House, media_type: str) -> None:
    response = await house.client.post(
        "/api/v1/apps", content=b'{"name": "shop"}', headers={"Content-Type": media_type}
    )
    assert response.status_code == 202


async def endless(size: int) -> AsyncIterator[bytes]:
    for _ in range(size // 65_536):
        yield b"x" * 65_536


async def test_a_body_of_10_mb_is_refused(house: House) -> None:
    assert problem_of(await post(house, b"x" * 10_000_000)) == (413, "body-too-large")


async def test_a_body_of_10_mb_in_chunks_without_a_length_is_refused(house: House) -> None:
    assert problem_of(await post(house, endless(10_000_000))) == (413, "body-too-large")


@pytest.mark.parametrize("length", ["10000000", "-1", "x", "9" * 5_000])
async def test_a_false_content_length_changes_nothing(house: House, length: str) -> None:
    response = await post(house, b'{"name": "shop"}', **{"Content-Length": length})
    assert response.status_code in (202, 413)


async def test_a_large_body_to_a_route_that_reads_none_is_refused(house: House) -> None:
    response = await house.client.request("DELETE", "/api/v1/apps/shop", content=b"x" * 1_000_000)
    assert problem_of(response) == (413, "body-too-large")
    assert not house.bus.published


async def test_a_command_that_grows_too_large_for_the_bus_is_refused(house: House) -> None:
    stacks = [f"{'a' * 58}{number:05}" for number in range(3_971)]
    response = await post(house, httpx.Request("POST", "http://x", json={"name": "shop", "stacks": stacks}).content)
    assert problem_of(response) == (413, "command-too-large")
    assert not house.bus.published


async def test_a_host_header_is_believed_nowhere(house: House) -> None:
    response = await house.client.delete("/api/v1/apps/shop", headers={"Host": "evil.example"})
    slashed = await house.client.get("/api/v1/apps/", headers={"Host": "evil.example"})
    assert response.headers["location"].startswith("/api/v1/")
    assert problem_of(slashed)[0] in (404, 422)
    assert "evil.example" not in str(response.headers) + str(slashed.headers) + slashed.text


async def test_no_trace_and_no_path_of_ours_is_shown(house: House, caplog: pytest.LogCaptureFixture) -> None:
    house.readmodel.failure = RuntimeError("secret in /srv/house")
    response = await house.client.get("/api/v1/apps/shop")
    assert problem_of(response) == (500, "internal-error")
    assert "secret" not in response.text


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=201", "limit=-1", "limit=x", "limit=1e9", "limit=" + "9" * 5_000, "cursor=" + "x" * 2_000],
)
async def test_what_a_list_can_not_do_is_refused(house: House, query: str) -> None:
    response = await house.client.get(f"/api/v1/apps?{query}")
    assert problem_of(response) == (422, "invalid-request")
    assert response.json()["errors"][0]["field"].startswith("query.")


@pytest.mark.parametrize("query", ["after=-1", f"after={2**53}", "after=x", "before=-1", "app=%00", "app=%ff", "app=;"])
async def test_what_the_history_can_not_do_is_refused(house: House, query: str) -> None:
    assert problem_of(await house.client.get(f"/api/v1/history?{query}")) == (422, "invalid-request")


async def test_the_team_can_not_be_chosen(house: House) -> None:
    body = {"type": "AppDestroyed", "data": {"app": "shop"}, "team": "rival"}
    assert problem_of(await house.client.post("/api/v1/commands", json=body)) == (422, "invalid-request")
    body = {"type": "AppDestroyed", "data": {"app": "shop", "team": "rival"}}
    assert problem_of(await house.client.post("/api/v1/commands", json=body)) == (422, "invalid-request")
    assert not house.bus.published


@pytest.mark.parametrize("kind", ["PromotionSucceeded", "StackDeploySucceeded", "JobClaimed", "", None, 1, {}])
async def test_facts_and_reports_can_not_be_proposed(house: House, kind: object) -> None:
    response = await house.client.post("/api/v1/commands", json={"type": kind, "data": {}})
    assert problem_of(response) == (422, "invalid-request")
    assert not house.bus.published


async def test_a_retry_names_one_thing(house: House) -> None:
    for body in ({}, {"stack": "eu-1", "postdeploy": True}, {"postdeploy": False}):
        assert problem_of(await house.client.post("/api/v1/apps/shop/retries", json=body)) == (422, "invalid-request")
    body = {"type": "StackRetryRequested", "data": {"app": "shop"}}
    response = await house.client.post("/api/v1/commands", json=body)
    assert problem_of(response) == (422, "invalid-request")
    assert "give either a stack, or postdeploy: true" in response.text


async def test_an_image_that_is_none_is_refused(house: House) -> None:
    for image in ("$(x)", IMAGE + "\n", IMAGE.upper(), "a b", "", "x" * 601):
        response = await house.client.post("/api/v1/apps/shop/deployments", json={"image": image})
        assert problem_of(response) == (422, "invalid-request")
    assert not house.bus.published
