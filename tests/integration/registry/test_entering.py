"""How a deployer is let in: with passwords, tokens, or not; and whom it never tells."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.integration.registry.pictures import ALL, Desk, before, pushed
from tests.real.httpstub import Given, Reply, Stub, passed_on
from tests.real.registry import PASSWORD, USER, Registry, TokenServer, basic

from ownstack_deployer.registry.manifests import OCI_INDEX, OCI_MANIFEST
from ownstack_deployer.registry.trouble import Trouble

Tokens = tuple[Registry, TokenServer]


async def test_with_its_password_it_resolves_and_tags(locked: Registry, desk: Desk) -> None:
    picture = pushed(locked, "shop", OCI_INDEX, "1.0")
    desk.knows(locked.host)
    found = await desk.registries.resolve(f"{locked.host}/shop:1.0")
    assert found == f"{locked.host}/shop:1.0@{picture.digest}"
    await desk.registries.retag(found, "shop-v1", f"{locked.host}/live/shop")
    assert locked.content("live/shop", "shop-v1", ALL) == picture.content


async def test_a_password_is_shown_only_to_who_asks_for_it(registry: Registry, desk: Desk) -> None:
    pushed(registry, "shop", OCI_MANIFEST, "open")
    with before(registry) as front:
        desk.knows(front.host)
        await desk.registries.resolve(f"{front.host}/shop:open")
        assert front.given[0].headers["Authorization"] is None


async def test_without_credentials_it_is_said_that_there_are_none(locked: Registry, desk: Desk) -> None:
    with pytest.raises(Trouble) as told:
        await desk.registries.resolve(f"{locked.host}/shop:1.0")
    assert told.value.code == "registry-unauthorized"
    assert f"d1 has no credentials for it. Log it in: docker login {locked.host}" in told.value.message


async def test_a_wrong_password_is_not_taken_and_not_repeated(locked: Registry, desk: Desk) -> None:
    desk.knows(locked.host, username=USER, password="wr0ng-secret")
    with pytest.raises(Trouble) as told:
        await desk.registries.resolve(f"{locked.host}/shop:1.0")
    assert told.value.code == "registry-unauthorized"
    assert "does not take the credentials of d1" in told.value.message
    assert "wr0ng-secret" not in told.value.message


async def test_a_login_in_between_is_noticed(locked: Registry, desk: Desk) -> None:
    pushed(locked, "shop", OCI_MANIFEST, "later")
    with pytest.raises(Trouble):
        await desk.registries.resolve(f"{locked.host}/shop:later")
    desk.knows(locked.host)
    assert await desk.registries.resolve(f"{locked.host}/shop:later")


async def test_without_credentials_nothing_is_tagged_and_nobody_asked(locked: Registry, desk: Desk) -> None:
    with Stub() as front:
        desk.plain = ()
        with pytest.raises(Trouble) as told:
            await desk.registries.retag(f"{front.host}/shop@sha256:{'a' * 64}", "v1")
        assert front.given == []
    assert told.value.code == "no-credentials"
    assert f"d1 has no credentials for {front.host}" in told.value.message


async def test_who_may_only_read_resolves_and_is_told_when_it_tags(locked: Registry, desk: Desk) -> None:
    picture = pushed(locked, "shop", OCI_MANIFEST, "read")
    denied = b'{"errors": [{"code": "DENIED", "message": "no"}]}'

    def read_only(given: Given) -> Reply | None:
        return Reply(403, {}, denied) if given.method in ("PUT", "POST", "PATCH") else None

    with before(locked, read_only) as front:
        desk.knows(front.host)
        found = await desk.registries.resolve(f"{front.host}/shop:read")
        assert found == f"{front.host}/shop:read@{picture.digest}"
        for repository in (None, f"{front.host}/elsewhere"):
            with pytest.raises(Trouble) as told:
                await desk.registries.retag(found, "v1", repository)
            assert told.value.code == "registry-forbidden"
            assert "DENIED" in told.value.message


async def test_with_a_token_it_resolves_tags_and_mounts(tokens: Tokens, desk: Desk) -> None:
    registry, server = tokens
    picture = pushed(registry, "shop", OCI_INDEX, "1.0")
    desk.knows(registry.host)
    found = await desk.registries.resolve(f"{registry.host}/shop:1.0")
    assert found == f"{registry.host}/shop:1.0@{picture.digest}"
    await desk.registries.retag(found, "v1")
    await desk.registries.retag(found, "v1", f"{registry.host}/other")
    assert registry.content("other", "v1", ALL) == picture.content
    asked = [parse_qs(urlsplit(given.path).query)["scope"] for given in server.stub.given]
    own, other = "repository:shop:pull", "repository:other:pull,push"
    assert [set(scopes) for scopes in asked] == [{own}, {f"{own},push", own}, {other, own, "repository:other:pull"}]


async def test_a_token_is_kept_as_long_as_it_holds(tokens: Tokens, desk: Desk) -> None:
    registry, server = tokens
    pushed(registry, "shop", OCI_MANIFEST, "kept")
    desk.knows(registry.host)
    for _ in range(3):
        await desk.registries.resolve(f"{registry.host}/shop:kept")
    assert len(server.stub.given) == 1
    server.life = 1
    desk.registries.tokens._kept.clear()
    for _ in range(3):
        await desk.registries.resolve(f"{registry.host}/shop:kept")
    assert len(server.stub.given) == 4


async def test_an_identity_token_is_changed_for_others(tokens: Tokens, desk: Desk) -> None:
    registry, server = tokens
    picture = pushed(registry, "shop", OCI_MANIFEST, "identity")
    desk.knows(registry.host, identitytoken=server.identity)
    await desk.registries.retag(f"{registry.host}/shop@{picture.digest}", "v1")
    assert registry.content("shop", "v1", ALL) == picture.content
    assert {given.method for given in server.stub.given} == {"POST"}


async def test_what_is_public_is_resolved_without_credentials(tokens: Tokens, desk: Desk) -> None:
    registry, server = tokens
    server.public = ("pull",)
    picture = pushed(registry, "shop", OCI_MANIFEST, "public")
    found = await desk.registries.resolve(f"{registry.host}/shop:public")
    assert found == f"{registry.host}/shop:public@{picture.digest}"
    with pytest.raises(Trouble) as told:  # it is a plain one: it is tried
        await desk.registries.retag(found, "v1")
    assert told.value.code == "registry-unauthorized"


async def test_a_token_to_read_with_does_not_write(tokens: Tokens, desk: Desk) -> None:
    registry, server = tokens
    picture = pushed(registry, "shop", OCI_MANIFEST, "reads")
    server.allowed = ("pull",)
    desk.knows(registry.host)
    with pytest.raises(Trouble) as told:
        await desk.registries.retag(f"{registry.host}/shop@{picture.digest}", "v1")
    assert told.value.code == "registry-forbidden"


async def test_a_token_server_that_does_not_know_us_is_told(tokens: Tokens, desk: Desk) -> None:
    registry, _ = tokens
    desk.knows(registry.host, username=USER, password="wrong")
    with pytest.raises(Trouble) as told:
        await desk.registries.resolve(f"{registry.host}/shop:1.0")
    assert told.value.code == "registry-unauthorized"


async def test_a_token_that_is_not_taken_any_more_is_replaced(tokens: Tokens, desk: Desk) -> None:
    registry, _ = tokens
    picture = pushed(registry, "shop", OCI_MANIFEST, "replaced")
    desk.knows(registry.host)
    await desk.registries.resolve(f"{registry.host}/shop:replaced")
    kept = desk.registries.tokens._kept
    for key, (_, until) in kept.items():
        kept[key] = ("stale", until)
    found = await desk.registries.resolve(f"{registry.host}/shop:replaced")
    assert found == f"{registry.host}/shop:replaced@{picture.digest}"


async def test_a_redirect_elsewhere_does_not_get_the_credentials(locked: Registry, desk: Desk) -> None:
    picture = pushed(locked, "shop", OCI_MANIFEST, "redirected")
    with Stub(lambda given: passed_on(locked.host, _known(given))) as storage:

        def away(given: Given) -> Reply | None:
            if given.method == "GET" and given.headers["Authorization"]:
                return Reply(307, {"Location": f"http://{storage.host}{given.path}"})
            return None

        with before(locked, away) as front:
            desk.knows(front.host)
            await desk.registries.retag(f"{front.host}/shop@{picture.digest}", "redirected-v1")
            assert front.given[-1].headers["Authorization"] == basic()
        assert storage.given
        assert all(given.headers["Authorization"] is None for given in storage.given)


def _known(given: Given) -> Given:
    headers = {"Accept": given.headers["Accept"], "Authorization": basic()}
    return Given(given.method, given.path, headers, given.content)


async def test_who_we_are_redirected_to_is_not_told_who_we_are_when_it_asks(desk: Desk) -> None:
    challenge = {"WWW-Authenticate": 'Basic realm="gimme"'}
    with Stub(lambda given: Reply(401, dict(challenge))) as thief:
        with Stub(lambda given: Reply(302, {"Location": f"http://{thief.host}/"})) as front:
            desk.knows(front.host)
            with pytest.raises(Trouble) as told:
                await desk.registries.resolve(f"{front.host}/shop:1.0")
        assert [given.headers["Authorization"] for given in thief.given] == [None]
    assert told.value.code in ("registry-forbidden", "registry-invalid")


@pytest.mark.parametrize(
    "realm",
    ["http://192.0.2.1/token", "file:///etc/passwd", "ftp://127.0.0.1/", "http://user@127.0.0.1/", "", "http://[::1"],
)
async def test_a_realm_where_nothing_is_asked_is_not_asked(desk: Desk, realm: str) -> None:
    challenge = {"WWW-Authenticate": f'Bearer realm="{realm}",service="s"'}
    with Stub(lambda given: Reply(401, dict(challenge))) as front:
        desk.knows(front.host)
        with pytest.raises(Trouble) as told:
            await desk.registries.resolve(f"{front.host}/shop:1.0")
    assert told.value.code == "registry-invalid"


@pytest.mark.parametrize(
    "answer",
    [b"", b"[]", b"{}", b'{"token": 1}', b'{"token": "a\\nb"}', b'{"token": "' + b"a" * 100_000 + b'"}'],
)
async def test_an_answer_without_a_token_is_told_and_not_repeated(desk: Desk, answer: bytes) -> None:
    with Stub(lambda given: Reply(200, {}, answer)) as server:
        challenge = {"WWW-Authenticate": f'Bearer realm="http://{server.host}/"'}
        with (
            Stub(lambda given: Reply(401, dict(challenge))) as front,
            pytest.raises(Trouble) as told,
        ):
            await desk.registries.resolve(f"{front.host}/shop:1.0")
    assert told.value.code == "registry-invalid"
    assert len(told.value.message) < 300


async def test_what_a_credential_helper_says_is_used(
    locked: Registry, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = pushed(locked, "shop", OCI_MANIFEST, "helped")
    helper = desk.folder / "docker-credential-test"
    secret = json.dumps({"ServerURL": locked.host, "Username": USER, "Secret": PASSWORD})
    helper.write_text(f"#!/bin/sh\nread host\n[ \"$1 $host\" = 'get {locked.host}' ] || exit 1\necho '{secret}'\n")
    helper.chmod(0o755)
    monkeypatch.setenv("PATH", str(desk.folder), prepend=":")
    desk.file.write_text(json.dumps({"credHelpers": {locked.host: "test"}}))
    found = await desk.registries.resolve(f"{locked.host}/shop:helped")
    assert found == f"{locked.host}/shop:helped@{picture.digest}"
