"""Signatures of deliveries: over every byte, in one form only; and strangers can't take more than their share."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator, Sequence

import httpx
import pytest
from sqlalchemy import text
from tests.unit.api.deliveries import GUID, SECRET, deliver, headers_of, payload, signature
from tests.unit.api.house import NOW, TEAM, House, problem_of
from tests.unit.api.test_webhooks import shop

from ownstack_api import github
from ownstack_api.limits import BodyLimit, Bounds, Turnstile
from ownstack_api.parts import VERIFIED_AT_ONCE
from ownstack_api.routes.webhooks import BOUNDS, MOST_AT_ONCE, PATH
from ownstack_vault import Hook

__all__ = ["shop"]  # the fixture
BODY = payload("pull_request.opened")
SHORT = json.dumps(
    {
        "action": "opened",
        "pull_request": {
            "number": 42,
            "state": "open",
            "updated_at": "2025-03-04T09:58:31Z",
            "head": {"sha": "6dcb09b5b57875f334f61aebed695e2e4193db5e", "repo": {"full_name": "acme/shop"}},
            "base": {"repo": {"full_name": "acme/shop"}},
        },
    }
).encode()
"""What is read of it, and nothing else: over HTTP each byte takes milliseconds."""
HOOKS = [Hook(TEAM, "other", "another secret"), Hook(TEAM, "shop", SECRET)]


def test_a_signature_is_that_of_github_s_documentation() -> None:
    expected = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    assert github.sign("It's a Secret to Everybody", b"Hello, World!") == expected


def test_every_byte_of_a_signed_payload_flipped_once_is_not_what_was_signed() -> None:
    good = signature(BODY)
    assert [hook.production for hook in github.signers(HOOKS, BODY, good)] == ["shop"]
    assert not any(github.signers(HOOKS, body, good) for body in flipped(BODY, 0x01))


async def sent(house: House, body: bytes, given: bytes) -> httpx.Response:
    headers = [(name.encode(), value.encode()) for name, value in headers_of(SHORT, "pull_request").items()]
    signed = [(name, given if name == b"X-Hub-Signature-256" else value) for name, value in headers]
    return await house.anonymous.post(PATH, content=body, headers=signed)


def flipped(given: bytes, mask: int) -> Iterator[bytes]:
    for at, byte in enumerate(given):
        yield given[:at] + bytes([byte ^ mask]) + given[at + 1 :]


async def test_every_byte_of_a_signed_delivery_flipped_once_is_refused(shop: House) -> None:
    given = signature(SHORT).encode()
    for body in flipped(SHORT, 0x01):
        assert problem_of(await sent(shop, body, given)) == (401, "signature-invalid"), body
    assert not shop.bus.published
    assert (await sent(shop, SHORT, given)).status_code == 202


@pytest.mark.parametrize("mask", [0x01, 0x20, 0x80])
async def test_every_byte_of_the_signature_flipped_once_is_refused(shop: House, mask: int) -> None:
    for given in flipped(signature(SHORT).encode(), mask):
        assert problem_of(await sent(shop, SHORT, given)) == (401, "signature-invalid"), given
    assert not shop.bus.published


@pytest.mark.parametrize(
    "given",
    [
        None,
        "",
        signature(BODY)[:-1],
        signature(BODY) + "0",
        signature(BODY).removeprefix("sha256="),
        signature(BODY).upper(),
        signature(BODY).replace("sha256", "sha1"),
        signature(BODY, algorithm="sha1"),
        signature(BODY, "another secret"),
        signature(BODY, ""),
        f"{signature(BODY)},{signature(BODY)}",
        "sha256=" + "0" * 64,
    ],
)
async def test_what_is_no_signature_is_refused_and_all_is_said_alike(shop: House, given: str | None) -> None:
    response = await deliver(shop.anonymous, "pull_request.opened", X_Hub_Signature_256=given)
    assert problem_of(response) == (401, "signature-invalid")
    assert response.headers["www-authenticate"] == "X-Hub-Signature-256"
    unknown = await deliver(shop.anonymous, "pull_request.opened", query="?team=nobody", X_Hub_Signature_256=given)
    assert unknown.json() == response.json()
    assert not shop.bus.published


async def test_two_signatures_are_none(shop: House) -> None:
    headers = [*headers_of(BODY, "pull_request").items(), ("X-Hub-Signature-256", signature(BODY))]
    response = await shop.anonymous.post(PATH, content=BODY, headers=headers)
    assert problem_of(response) == (401, "signature-invalid")


async def test_a_token_is_no_signature(shop: House) -> None:
    response = await shop.client.post(PATH, content=BODY, headers={"Content-Type": "application/json"})
    assert problem_of(response) == (401, "signature-invalid")


async def test_a_secret_that_was_replaced_signs_nothing_any_more(shop: House) -> None:
    shop.vault.hooks.put(TEAM, "shop", NOW, "the next secret")
    assert (await deliver(shop.anonymous, "pull_request.opened")).status_code == 401
    response = await deliver(shop.anonymous, "pull_request.opened", secret="the next secret")
    assert response.status_code == 202


async def test_nothing_is_parsed_before_it_is_known_who_signed_it(shop: House, monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[bytes] = []
    monkeypatch.setattr(github, "change_of", parsed.append)
    await deliver(shop.anonymous, "pull_request.opened", secret="another secret")
    assert not parsed


def test_all_hooks_are_tried_whichever_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[bytes] = []

    def compare(one: bytes, other: bytes) -> bool:
        tried.append(one)
        return one == other

    monkeypatch.setattr("ownstack_api.github.hmac.compare_digest", compare)
    for hooks in (HOOKS, HOOKS[::-1]):
        github.signers(hooks, BODY, signature(BODY))
    assert len(tried) == 4
    github.signers([], BODY, signature(BODY))
    assert len(tried) == 5


async def test_a_payload_may_have_a_mebibyte_and_no_more(shop: House) -> None:
    fitting = BODY[:-1] + b" " * (BOUNDS.size - len(BODY)) + b"}"
    assert len(fitting) == 1024 * 1024
    assert (await deliver(shop.anonymous, "pull_request.opened", body=fitting)).status_code == 202
    for body in (fitting + b" ", fitting * 10):
        response = await deliver(shop.anonymous, "pull_request.opened", body=body)
        assert problem_of(response) == (413, "body-too-large")


async def test_elsewhere_bodies_are_as_small_as_before(shop: House) -> None:
    response = await shop.client.post("/api/v1/apps", content=b"x" * 300_000)
    assert problem_of(response) == (413, "body-too-large")


async def test_a_body_without_a_length_is_bounded_too(shop: House) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(200):
            yield b"x" * 65_536

    response = await shop.anonymous.post(PATH, content=endless(), headers=headers_of(BODY, "pull_request"))
    assert problem_of(response) == (413, "body-too-large")


async def test_a_slow_body_is_not_waited_for(shop: House) -> None:
    async def slow() -> AsyncIterator[bytes]:
        yield BODY[:100]
        await asyncio.get_running_loop().create_future()

    async def never(*_: object) -> None:
        raise AssertionError("it was never heard out")

    app = BodyLimit(never, limit=10, patience=1_000, elsewhere={PATH: Bounds(BOUNDS.size, 0)})
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api") as client:
        response = await asyncio.wait_for(client.post(PATH, content=slow()), 5)
    assert problem_of(response) == (408, "request-timeout")
    assert BOUNDS.patience <= 10


async def test_who_comes_when_all_places_are_taken_is_told_to_come_again_and_the_rest_goes_on(shop: House) -> None:
    gone, begun = asyncio.Event(), []

    async def slow() -> AsyncIterator[bytes]:
        begun.append(True)
        await gone.wait()
        yield BODY

    headers = headers_of(BODY, "pull_request")
    under_way = [
        asyncio.create_task(shop.anonymous.post(PATH, content=slow(), headers=headers)) for _ in range(MOST_AT_ONCE)
    ]
    while len(begun) < MOST_AT_ONCE:
        await asyncio.sleep(0)

    busy = await deliver(shop.anonymous, "ping")
    assert problem_of(busy) == (503, "too-busy")
    assert busy.headers["retry-after"] == "1"
    assert (await shop.client.get("/api/v1/me")).status_code == 200

    gone.set()
    assert {response.status_code for response in await asyncio.gather(*under_way)} == {202}
    assert (await deliver(shop.anonymous, "ping")).status_code == 200


async def test_a_place_is_free_again_whatever_happens() -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("broken")

    turnstile = Turnstile(broken, PATH, 1)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(turnstile), base_url="http://api") as client:
        for _ in range(3):
            with pytest.raises(RuntimeError, match="broken"):
                await client.post(PATH)


async def test_only_so_many_are_verified_at_once_and_the_rest_of_the_api_goes_on(
    shop: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside, most, open_ = [], [], threading.Event()

    def slow(hooks: Sequence[Hook], *_: object) -> Sequence[Hook]:
        inside.append(True)
        most.append(len(inside))
        open_.wait(10)
        inside.pop()
        return hooks

    monkeypatch.setattr(github, "signers", slow)
    deliveries = [asyncio.create_task(deliver(shop.anonymous, "ping")) for _ in range(3 * VERIFIED_AT_ONCE)]
    while len(inside) < VERIFIED_AT_ONCE:
        await asyncio.sleep(0)
    for _ in range(20):
        assert (await shop.client.get("/api/v1/me")).status_code == 200
    open_.set()
    assert {response.status_code for response in await asyncio.gather(*deliveries)} == {200}
    assert max(most) == VERIFIED_AT_ONCE


async def test_a_vault_that_can_not_open_a_secret_tells_strangers_nothing_of_whose_it_is(
    shop: House, caplog: pytest.LogCaptureFixture
) -> None:
    with shop.vault._store.engine.begin() as connection:
        connection.execute(text("UPDATE vault_keys SET wrapped = X'00' WHERE kind = 'hook'"))
    response = await deliver(shop.anonymous, "pull_request.opened", GUID)
    assert problem_of(response) == (503, "webhooks-unreadable")
    assert TEAM not in response.text
    assert "shop" not in response.text
    assert "webhooks-unreadable" in caplog.text
