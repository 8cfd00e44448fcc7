"""A promoted image gets a tag: the same digest, in its own repository or in another; on a real registry."""

from __future__ import annotations

import pytest
from tests.integration.registry.pictures import ALL, KINDS, Desk, before, pushed
from tests.real.httpstub import Given, Reply, Stub, passed_on
from tests.real.registry import Registry

from ownstack_deployer.registry.manifests import DOCKER_LIST, OCI_INDEX, OCI_MANIFEST
from ownstack_deployer.registry.trouble import Trouble


@pytest.mark.parametrize("kind", KINDS)
async def test_the_tag_means_the_same_bytes(registry: Registry, desk: Desk, kind: str) -> None:
    picture = pushed(registry, "shop", kind, salt=kind)
    tagged = await desk.registries.retag(f"{registry.host}/shop:1.0@{picture.digest}", "shop-v1")
    assert tagged == f"{registry.host}/shop:shop-v1@{picture.digest}"
    assert registry.content("shop", "shop-v1", ALL) == picture.content


@pytest.mark.parametrize("kind", KINDS)
async def test_in_another_repository_all_that_it_is_made_of_is_there_too(
    registry: Registry, desk: Desk, kind: str
) -> None:
    name = f"live/{KINDS.index(kind)}"
    picture = pushed(registry, "shop", kind, salt=f"other {kind}")
    with before(registry) as front:
        tagged = await desk.registries.retag(f"{front.host}/shop@{picture.digest}", "v1", f"{front.host}/{name}")
        assert not front.asked("GET", "/blobs/"), "mounted, and not copied"
    assert tagged == f"{front.host}/{name}:v1@{picture.digest}"
    assert registry.content(name, "v1", ALL) == picture.content
    assert all(registry.content(name, child, ALL) for child in picture.children)
    assert all(registry.has_blob(name, blob) for blob in picture.blobs)


async def test_a_tag_that_is_set_already_is_left_alone(registry: Registry, desk: Desk) -> None:
    picture = pushed(registry, "shop", OCI_INDEX, "done-v1")
    with before(registry) as front:
        await desk.registries.retag(f"{front.host}/shop@{picture.digest}", "done-v1")
        assert [given.method for given in front.given] == ["HEAD"]


async def test_a_tag_that_means_another_image_is_moved(registry: Registry, desk: Desk) -> None:
    pushed(registry, "shop", OCI_MANIFEST, "reused-v1", salt="of an app that was destroyed")
    picture = pushed(registry, "shop", OCI_MANIFEST, salt="new")
    await desk.registries.retag(f"{registry.host}/shop@{picture.digest}", "reused-v1")
    assert registry.content("shop", "reused-v1", ALL) == picture.content


def unmounted(given: Given) -> Given:
    """The same request of a registry that mounts nothing."""
    return Given(given.method, given.path.partition("?mount")[0], given.headers, given.content)


@pytest.mark.parametrize("kind", [OCI_MANIFEST, DOCKER_LIST])
async def test_what_is_not_mounted_is_copied(registry: Registry, desk: Desk, kind: str) -> None:
    picture = pushed(registry, "shop", kind, salt="copied")
    name = f"copied/{KINDS.index(kind)}"
    with Stub(lambda given: passed_on(registry.host, unmounted(given))) as front:
        await desk.registries.retag(f"{front.host}/shop@{picture.digest}", "v1", f"{front.host}/{name}")
        assert len(front.asked("POST", "mount=")) == len(set(picture.blobs)) == len(front.asked("GET", "/blobs/"))
        assert not front.asked("DELETE")
    assert registry.content(name, "v1", ALL) == picture.content
    assert all(registry.has_blob(name, blob) for blob in picture.blobs)


async def test_what_is_there_already_is_not_copied_and_the_upload_is_cancelled(registry: Registry, desk: Desk) -> None:
    picture = pushed(registry, "shop", OCI_MANIFEST, salt="there")
    pushed(registry, "there", OCI_MANIFEST, salt="there")
    with Stub(lambda given: passed_on(registry.host, unmounted(given))) as front:
        await desk.registries.retag(f"{front.host}/shop@{picture.digest}", "v1", f"{front.host}/there")
        assert len(front.asked("DELETE", "/uploads/")) == 2
        assert not front.asked("GET", "/blobs/")


async def test_an_upload_that_is_refused_is_cancelled_and_told(registry: Registry, desk: Desk) -> None:
    picture = pushed(registry, "shop", OCI_MANIFEST, salt="refused")

    def answer(given: Given) -> Reply:
        if given.method == "PUT" and "/uploads/" in given.path:
            return Reply(403)
        return passed_on(registry.host, unmounted(given))

    with Stub(answer) as front:
        with pytest.raises(Trouble) as told:
            await desk.registries.retag(f"{front.host}/shop@{picture.digest}", "v1", f"{front.host}/refused")
        assert front.asked("DELETE", "/uploads/")
    assert told.value.code == "registry-forbidden"


async def test_an_absent_blob_is_told_and_nothing_is_tagged(registry: Registry, desk: Desk) -> None:
    picture = pushed(registry, "shop", OCI_INDEX, salt="absent")

    def gone(given: Given) -> Reply | None:
        return Reply(404) if given.method in ("GET", "HEAD") and "/blobs/" in given.path else None

    with before(registry, gone, None) as front:
        front_answer = front.answer
        front.answer = lambda given: front_answer(unmounted(given))
        with pytest.raises(Trouble) as told:
            await desk.registries.retag(f"{front.host}/shop@{picture.digest}", "v1", f"{front.host}/absent")
    assert told.value.code == "registry-invalid"
    assert registry.content("absent", "v1", ALL) is None


async def test_an_index_that_lists_what_is_not_there_is_told(registry: Registry, desk: Desk) -> None:
    picture = pushed(registry, "shop", OCI_INDEX, salt="incomplete")
    child = picture.children[1]
    with (
        before(registry, lambda given: Reply(404) if child in given.path else None) as front,
        pytest.raises(Trouble) as told,
    ):
        await desk.registries.retag(f"{front.host}/shop@{picture.digest}", "v1", f"{front.host}/incomplete")
    assert told.value.code == "image-incomplete"
    assert child in told.value.message


async def test_a_repository_of_another_registry_is_refused_without_asking_any(desk: Desk) -> None:
    with pytest.raises(Trouble) as told:
        await desk.registries.retag(f"one.invalid/shop@sha256:{'a' * 64}", "v1", "two.invalid/shop")
    assert told.value.code == "other-registry"


async def test_an_image_that_is_gone_is_told(registry: Registry, desk: Desk) -> None:
    with pytest.raises(Trouble) as told:
        await desk.registries.retag(f"{registry.host}/shop@sha256:{'a' * 64}", "v1")
    assert told.value.code == "image-missing"


async def test_bytes_that_were_changed_are_not_tagged(registry: Registry, desk: Desk) -> None:
    picture = pushed(registry, "shop", OCI_MANIFEST, salt="changed")

    def changed(given: Given, reply: Reply) -> Reply:
        reply.content = reply.content.replace(b" 2,", b" 2 ", 1)
        return reply

    with before(registry, then=changed) as front:
        with pytest.raises(Trouble) as told:
            await desk.registries.retag(f"{front.host}/shop@{picture.digest}", "changed-v1")
        assert not front.asked("PUT")
    assert told.value.code == "digest-mismatch"


async def test_a_tag_that_came_out_as_something_else_is_told(registry: Registry, desk: Desk) -> None:
    picture = pushed(registry, "shop", OCI_MANIFEST, salt="elsewhere")
    other = pushed(registry, "shop", OCI_MANIFEST, "elsewhere-v1", salt="something else")
    with (
        before(registry, lambda given: Reply(201) if given.method == "PUT" else None) as front,
        pytest.raises(Trouble) as told,
    ):
        await desk.registries.retag(f"{front.host}/shop@{picture.digest}", "elsewhere-v1")
    assert told.value.code == "digest-mismatch"
    assert other.digest in told.value.message


@pytest.mark.parametrize("status", [400, 409])
async def test_an_immutable_tag_is_told(registry: Registry, desk: Desk, status: int) -> None:
    picture = pushed(registry, "shop", OCI_MANIFEST, salt="immutable")
    error = b'{"errors": [{"code": "TAG_INVALID", "message": "<b>no</b>"}]}'
    with (
        before(registry, lambda given: Reply(status, {}, error) if given.method == "PUT" else None) as front,
        pytest.raises(Trouble) as told,
    ):
        await desk.registries.retag(f"{front.host}/shop@{picture.digest}", "immutable-v1")
    assert told.value.code == "tag-refused"
    assert "TAG_INVALID" in told.value.message
    assert "<b>" not in told.value.message


async def test_a_repository_that_is_not_there_and_is_not_made_is_told(registry: Registry, desk: Desk) -> None:
    picture = pushed(registry, "shop", OCI_MANIFEST, salt="unmade")
    with (
        before(registry, lambda given: Reply(404) if "/unmade/" in given.path else None) as front,
        pytest.raises(Trouble) as told,
    ):
        await desk.registries.retag(f"{front.host}/shop@{picture.digest}", "v1", f"{front.host}/unmade")
    assert told.value.code == "repository-missing"
