"""Manifests are read as their specifications have them, and never without their digest."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from ownstack_deployer.registry import manifests
from ownstack_deployer.registry.manifests import DOCKER_MANIFEST, OCI_INDEX, OCI_MANIFEST
from ownstack_deployer.registry.trouble import Trouble

BLOB = f"sha256:{'a' * 64}"


def written(**changes: Any) -> bytes:
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": {"digest": BLOB, "size": 2},
        "layers": [],
        **changes,
    }
    return json.dumps({name: value for name, value in manifest.items() if value is not None}).encode()


def test_its_digest_is_that_of_its_bytes() -> None:
    content = written()
    found = manifests.read(content, OCI_MANIFEST, None)
    assert found.digest == f"sha256:{hashlib.sha256(content).hexdigest()}"
    assert (found.content, found.media_type) == (content, OCI_MANIFEST)


def test_it_is_checked_by_the_algorithm_of_its_digest() -> None:
    content = written()
    digest = f"sha512:{hashlib.sha512(content).hexdigest()}"
    assert manifests.read(content, OCI_MANIFEST, digest).digest == digest
    with pytest.raises(Trouble) as told:
        manifests.read(content + b" ", OCI_MANIFEST, digest)
    assert told.value.code == "digest-mismatch"


def test_one_that_does_not_name_its_type_is_what_it_is_served_as() -> None:
    found = manifests.read(written(mediaType=None), f"{OCI_MANIFEST}; charset=utf-8", None)
    assert found.media_type == OCI_MANIFEST


def test_one_that_is_served_as_something_general_is_what_it_names() -> None:
    assert manifests.read(written(), "application/json", None).media_type == OCI_MANIFEST


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (written(), DOCKER_MANIFEST),
        (written(), OCI_INDEX),
        (written(mediaType=None), "application/json"),
        (written(mediaType=None), None),
        (written(schemaVersion=1), OCI_MANIFEST),
        (written(mediaType="application/vnd.oci.artifact"), "application/json"),
        (written(config=None), OCI_MANIFEST),
        (written(layers=None), OCI_MANIFEST),
        (written(layers=[{"digest": "md5:1", "size": 1}]), OCI_MANIFEST),
        (written(layers=[{"digest": f"{BLOB}/../x", "size": 1}]), OCI_MANIFEST),
    ],
)
def test_what_is_not_an_image_is_refused(content: bytes, content_type: str | None) -> None:
    with pytest.raises(Trouble) as told:
        manifests.read(content, content_type, None)
    assert told.value.code == "image-unsupported"


@pytest.mark.parametrize(
    ("layer", "elsewhere"),
    [
        ({}, False),
        ({"urls": ["https://layers.example/1"]}, True),
        ({"mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"}, True),
        ({"mediaType": "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip"}, True),
    ],
)
def test_layers_that_lie_elsewhere_are_known(layer: dict[str, Any], elsewhere: bool) -> None:
    found = manifests.read(written(layers=[{"digest": BLOB, "size": 1, **layer}]), OCI_MANIFEST, None)
    assert [blob.elsewhere for blob in found.blobs] == [False, elsewhere]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b'{"errors": [{"code": "DENIED", "message": "<script>"}]}', ", DENIED"),
        (b'{"errors": [{"code": "<script>"}]}', ""),
        (b'{"errors": [{"code": "%s"}]}' % (b"A" * 100), ""),
        (b'{"errors": []}', ""),
        (b'{"errors": {}}', ""),
        (b"[]", ""),
        (b"<html>", ""),
        (b"", ""),
    ],
)
def test_of_an_error_only_its_code_is_told(content: bytes, code: str) -> None:
    assert manifests.error_code(content) == code
