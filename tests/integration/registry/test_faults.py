"""Registries that are not well, or mean ill: what passes is tried again, all else is bounded."""

from __future__ import annotations

import itertools
import json
import socket
from collections.abc import Iterator

import pytest
from tests.integration.registry.pictures import Desk, before, pushed
from tests.real.httpstub import Given, Reply, Stub
from tests.real.registry import Registry, digest_of

from ownstack_deployer.registry import wire
from ownstack_deployer.registry.manifests import OCI_INDEX, OCI_MANIFEST
from ownstack_deployer.registry.trouble import Trouble


def failing(times: int, reply: Reply) -> Iterator[Reply | None]:
    """This answer so many times."""
    yield from itertools.repeat(reply, times)
    yield from itertools.repeat(None)


@pytest.mark.parametrize("status", [500, 502, 503, 504, 429])
async def test_a_registry_that_is_not_well_for_a_while_is_asked_again(
    registry: Registry, desk: Desk, status: int
) -> None:
    picture = pushed(registry, "shop", OCI_MANIFEST, "retried")
    replies = failing(3, Reply(status))
    with before(registry, lambda given: next(replies)) as front:
        found = await desk.registries.resolve(f"{front.host}/shop:retried")
    assert found == f"{front.host}/shop:retried@{picture.digest}"
    assert desk.time.slept == [0.5, 1, 2]


async def test_it_is_left_alone_as_long_as_it_wants(registry: Registry, desk: Desk) -> None:
    pushed(registry, "shop", OCI_MANIFEST, "later")
    replies = failing(1, Reply(429, {"Retry-After": "7"}))
    with before(registry, lambda given: next(replies)) as front:
        await desk.registries.resolve(f"{front.host}/shop:later")
    assert desk.time.slept == [7]


@pytest.mark.parametrize("retry_after", ["3600", "9" * 400, "Fri, 31 Dec 9999 23:59:59 GMT"])
async def test_who_wants_to_be_left_alone_for_too_long_is_not_waited_for(desk: Desk, retry_after: str) -> None:
    with Stub(lambda given: Reply(429, {"Retry-After": retry_after})) as front:
        with pytest.raises(Trouble) as told:
            await desk.registries.resolve(f"{front.host}/shop:later")
        assert len(front.given) == 1
    assert told.value.code == "registry-unavailable"


@pytest.mark.parametrize("retry_after", ["soon", "-5", "Thu, 01 Jan 1970 00:00:00 GMT", "²"])
async def test_what_can_not_be_read_of_it_is_passed_over(registry: Registry, desk: Desk, retry_after: str) -> None:
    pushed(registry, "shop", OCI_MANIFEST, "soon")
    replies = failing(1, Reply(503, {"Retry-After": retry_after}))
    with before(registry, lambda given: next(replies)) as front:
        await desk.registries.resolve(f"{front.host}/shop:soon")
    assert desk.time.slept == [0.5]


async def test_a_registry_that_stays_ill_is_given_up_after_half_a_minute(desk: Desk) -> None:
    with (
        Stub(lambda given: Reply(503, {}, b"<html>" + b"x" * 5_000)) as front,
        pytest.raises(Trouble) as told,
    ):
        await desk.registries.resolve(f"{front.host}/shop:1.0")
    assert told.value.code == "registry-unavailable"
    assert told.value.message == f"{front.host} is not well (HTTP 503). Try again once it is."
    assert 20 < sum(desk.time.slept) <= 30


async def test_pushes_are_tried_again_too(registry: Registry, desk: Desk) -> None:
    picture = pushed(registry, "shop", OCI_INDEX, salt="pushes")
    replies = failing(2, Reply(502))
    with before(registry, lambda given: next(replies) if given.method in ("PUT", "POST") else None) as front:
        tagged = await desk.registries.retag(f"{front.host}/shop@{picture.digest}", "v1", f"{front.host}/pushes")
    assert tagged == f"{front.host}/pushes:v1@{picture.digest}"


async def test_nobody_there_is_tried_again_and_told(desk: Desk) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(Trouble) as told:
        await desk.registries.resolve(f"127.0.0.1:{port}/shop:1.0")
    assert told.value.code == "registry-unreachable"
    assert told.value.message.startswith(f"127.0.0.1:{port} can't be reached (connection refused). Is it up")
    assert len(desk.time.slept) > 3


async def test_who_hangs_up_is_tried_again_and_told(desk: Desk) -> None:
    with Stub() as front:

        def hang_up(given: Given) -> Reply:
            raise ConnectionError

        front.answer = hang_up
        with pytest.raises(Trouble) as told:
            await desk.registries.resolve(f"{front.host}/shop:1.0")
    assert told.value.code == "registry-unreachable"
    assert "(it breaks off, or does not speak HTTP)" in told.value.message
    assert len(desk.time.slept) > 3


async def test_redirects_end(desk: Desk) -> None:
    with Stub(lambda given: Reply(302, {"Location": given.path + "x"})) as front:
        with pytest.raises(Trouble) as told:
            await desk.registries.resolve(f"{front.host}/shop:1.0")
        assert len(front.given) == 6
    assert told.value.code == "registry-invalid"
    assert "redirects more than 5 times" in told.value.message


async def test_a_huge_manifest_is_not_read_to_its_end(desk: Desk) -> None:
    def endless() -> Iterator[bytes]:
        yield from itertools.repeat(b"x" * 65_536)

    def answer(given: Given) -> Reply:
        return Reply(405) if given.method == "HEAD" else Reply(200, {}, drip=endless())

    with (
        Stub(answer) as front,
        pytest.raises(Trouble) as told,
    ):
        await desk.registries.resolve(f"{front.host}/shop:1.0")
    assert told.value.code == "registry-invalid"
    assert "more than 4096 KiB" in told.value.message


async def test_who_speaks_slowly_for_ever_is_not_listened_to_for_ever(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "EXCHANGE", 0.2)
    with Stub() as front:

        def drops() -> Iterator[bytes]:
            while not front.ending.wait(0.01):
                yield b" "

        front.answer = lambda given: Reply(405) if given.method == "HEAD" else Reply(200, {}, drip=drops())
        with pytest.raises(Trouble) as told:
            await desk.registries.resolve(f"{front.host}/shop:1.0")
    assert told.value.code == "registry-unreachable"
    assert "is not there after 0 s" in told.value.message


async def test_a_tag_that_takes_too_long_is_given_up(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ownstack_deployer.registry.registries.TAKING", 0.1)
    with Stub() as front:

        def silent(given: Given) -> Reply:
            front.ending.wait()
            return Reply(200)

        front.answer = silent
        with pytest.raises(Trouble) as told:
            await desk.registries.retag(f"{front.host}/shop@sha256:{'a' * 64}", "v1")
        front.ending.set()
    assert told.value.code == "registry-slow"


async def test_an_encoding_that_was_not_asked_for_is_refused(registry: Registry, desk: Desk) -> None:
    def packed(given: Given) -> Reply:
        return Reply(405) if given.method == "HEAD" else Reply(200, {"Content-Encoding": "gzip"}, b"\x1f\x8b")

    with Stub(packed) as front:
        with pytest.raises(Trouble) as told:
            await desk.registries.resolve(f"{front.host}/shop:1.0")
        assert front.given[0].headers["Accept-Encoding"] == "identity"
    assert told.value.code == "registry-invalid"


async def test_what_is_no_registry_is_told_and_not_repeated(desk: Desk) -> None:
    secret = b"the secret of some page inside"
    with (
        Stub(
            lambda given: Reply(418 if given.method == "GET" else 200, {"Content-Type": "text/html"}, secret)
        ) as front,
        pytest.raises(Trouble) as told,
    ):
        await desk.registries.resolve(f"{front.host}/shop:1.0")
    assert told.value.code == "registry-invalid"
    assert "secret" not in told.value.message


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"[]",
        b'"x"',
        b"[" * 100_000,
        b'{"schemaVersion": 2}',
        b'{"schemaVersion": 2, "manifests": 7}',
        b'{"schemaVersion": 2, "manifests": [7]}',
        b'{"schemaVersion": 2, "manifests": [{"digest": "sha256:../../..", "size": 1}]}',
        b'{"schemaVersion": 2, "manifests": [{"digest": "sha256:%s", "size": -1}]}' % (b"a" * 64),
        b'{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "manifests": []}',
    ],
)
async def test_a_manifest_that_is_none_is_refused(desk: Desk, content: bytes) -> None:
    def answer(given: Given) -> Reply:
        return Reply(405) if given.method == "HEAD" else Reply(200, {"Content-Type": OCI_INDEX}, content)

    with (
        Stub(answer) as front,
        pytest.raises(Trouble) as told,
    ):
        await desk.registries.resolve(f"{front.host}/shop:1.0")
    assert told.value.code == "image-unsupported"


async def test_indexes_in_indexes_end(registry: Registry, desk: Desk) -> None:
    def index(child: str, size: int) -> bytes:
        entry = {"mediaType": OCI_INDEX, "digest": child, "size": size}
        return json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry]}).encode()

    chain = [index(f"sha256:{'a' * 64}", 1)]
    for _ in range(20):
        chain.append(index(digest_of(chain[-1]), len(chain[-1])))
    known = {digest_of(content): content for content in chain}

    def answer(given: Given) -> Reply:
        content = known.get(given.path.rpartition("/")[2])
        return Reply(200, {"Content-Type": OCI_INDEX}, content) if content and given.method == "GET" else Reply(404)

    with Stub(answer) as front, pytest.raises(Trouble) as told:
        await desk.registries.retag(f"{front.host}/shop@{digest_of(chain[-1])}", "v1", f"{front.host}/other")
    assert told.value.code == "image-too-large"
