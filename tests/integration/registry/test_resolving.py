"""A tag is resolved to the digest that it has: on a real registry."""

from __future__ import annotations

import pytest
from tests.integration.registry.pictures import KINDS, Desk, before, pushed
from tests.real.httpstub import Given, Reply, Stub
from tests.real.registry import Registry

from ownstack_deployer.registry.manifests import ACCEPTED, DOCKER_LIST, OCI_INDEX, OCI_MANIFEST
from ownstack_deployer.registry.trouble import Trouble


@pytest.mark.parametrize("kind", KINDS)
async def test_a_tag_is_resolved_to_the_digest_of_what_was_pushed(registry: Registry, desk: Desk, kind: str) -> None:
    picture = pushed(registry, "shop", kind, "1.0", salt=kind)
    found = await desk.registries.resolve(f"{registry.host}/shop:1.0")
    assert found == f"{registry.host}/shop:1.0@{picture.digest}"


async def test_a_proxy_is_not_asked_for_what_is_on_this_machine(
    registry: Registry, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    pushed(registry, "shop", OCI_INDEX, "direct")
    assert await desk.registries.resolve(f"{registry.host}/shop:direct")


async def test_without_a_tag_it_is_latest(registry: Registry, desk: Desk) -> None:
    picture = pushed(registry, "team/shop", OCI_INDEX, "latest")
    found = await desk.registries.resolve(f"{registry.host}/team/shop")
    assert found == f"{registry.host}/team/shop@{picture.digest}"


async def test_what_has_a_digest_is_not_asked_for(desk: Desk) -> None:
    pinned = f"registry.invalid/shop:1@sha256:{'a' * 64}"
    assert await desk.registries.resolve(pinned) == pinned


@pytest.mark.parametrize("missing", ["shop:absent", "absent:1.0"])
async def test_an_image_that_is_not_there_is_none(registry: Registry, desk: Desk, missing: str) -> None:
    assert await desk.registries.resolve(f"{registry.host}/{missing}") is None


async def test_what_was_resolved_first_stays_what_it_was_when_the_tag_moves(registry: Registry, desk: Desk) -> None:
    first = pushed(registry, "shop", OCI_MANIFEST, "moving", salt="first")
    found = await desk.registries.resolve(f"{registry.host}/shop:moving")
    second = pushed(registry, "shop", OCI_MANIFEST, "moving", salt="second")

    assert found is not None
    assert found.endswith(first.digest)
    assert await desk.registries.resolve(found) == found
    tagged = await desk.registries.retag(found, "shop-v1")
    assert tagged == f"{registry.host}/shop:shop-v1@{first.digest}"
    assert (await desk.registries.resolve(f"{registry.host}/shop:moving") or "").endswith(second.digest)


async def test_all_four_types_are_asked_for_each_time(registry: Registry, desk: Desk) -> None:
    picture = pushed(registry, "shop", DOCKER_LIST, "typed")
    with before(registry) as front:
        await desk.registries.resolve(f"{front.host}/shop:typed")
        await desk.registries.retag(f"{front.host}/shop@{picture.digest}", "typed-v1", f"{front.host}/typed")
        asked = [given for given in front.given if given.method in ("HEAD", "GET") and "/manifests/" in given.path]
    assert len(asked) >= 6
    for given in asked:
        assert {part.strip() for part in given.headers["Accept"].split(",")} == set(ACCEPTED), given.path


@pytest.mark.parametrize("kind", KINDS)
async def test_where_the_header_is_missing_the_content_tells(registry: Registry, desk: Desk, kind: str) -> None:
    picture = pushed(registry, "shop", kind, "bare", salt=kind)

    def bare(given: Given, reply: Reply) -> Reply:
        reply.headers.pop("Docker-Content-Digest", None)
        return reply

    with before(registry, then=bare) as front:
        found = await desk.registries.resolve(f"{front.host}/shop:bare")
        assert [given.method for given in front.given] == ["HEAD", "GET"]
    assert found == f"{front.host}/shop:bare@{picture.digest}"


@pytest.mark.parametrize("status", [400, 405])
async def test_a_registry_that_knows_no_head_is_asked_otherwise(registry: Registry, desk: Desk, status: int) -> None:
    picture = pushed(registry, "shop", OCI_INDEX, "headless")
    with before(registry, lambda given: Reply(status) if given.method == "HEAD" else None) as front:
        found = await desk.registries.resolve(f"{front.host}/shop:headless")
    assert found == f"{front.host}/shop:headless@{picture.digest}"


async def test_a_digest_that_does_not_fit_the_content_is_refused(registry: Registry, desk: Desk) -> None:
    pushed(registry, "shop", OCI_MANIFEST, "tampered")

    def tampered(given: Given, reply: Reply) -> Reply:
        reply.content = reply.content.replace(b'"schemaVersion": 2', b'"schemaVersion": 2 ', 1)
        reply.headers.pop("Content-Length", None)
        return reply

    def headless(given: Given) -> Reply | None:
        return Reply(405) if given.method == "HEAD" else None

    with (
        before(registry, headless, tampered) as front,
        pytest.raises(Trouble) as refused,
    ):
        await desk.registries.resolve(f"{front.host}/shop:tampered")
    assert refused.value.code == "digest-mismatch"


async def test_an_image_of_schema_1_is_refused_and_said_to_be_one(desk: Desk) -> None:
    old = b'{"schemaVersion": 1, "name": "shop", "fsLayers": []}'
    kind = "application/vnd.docker.distribution.manifest.v1+prettyjws"
    headers = {"Content-Type": kind, "Docker-Content-Digest": f"sha256:{'b' * 64}"}
    with (
        Stub(lambda given: Reply(200, dict(headers), old if given.method == "GET" else b"")) as front,
        pytest.raises(Trouble) as refused,
    ):
        await desk.registries.resolve(f"{front.host}/shop:old")
    assert refused.value.code == "image-unsupported"
    assert "schema 1" in refused.value.message
