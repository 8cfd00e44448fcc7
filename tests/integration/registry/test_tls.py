"""Registries on https, with an authority of our own; and those that only seem to be."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

import pytest
import trustme
from tests.integration.registry.pictures import Desk, pushed
from tests.real.httpstub import Reply, Stub, passed_on
from tests.real.registry import Registry

from ownstack_deployer.registry import wire
from ownstack_deployer.registry.manifests import OCI_INDEX
from ownstack_deployer.registry.trouble import Trouble


@pytest.fixture
def authority(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Iterator[trustme.CA]:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(desk.folder / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(desk.folder / "ca.pem"))
    wire._trusted.cache_clear()
    desk.plain = ()
    yield authority
    wire._trusted.cache_clear()


@pytest.fixture
def context(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


async def test_a_registry_is_asked_by_https(registry: Registry, desk: Desk, context: ssl.SSLContext) -> None:
    picture = pushed(registry, "shop", OCI_INDEX, "tls")
    with Stub(lambda given: passed_on(registry.host, given), context) as front:
        found = await desk.registries.resolve(f"{front.host}/shop:tls")
    assert found == f"{front.host}/shop:tls@{picture.digest}"


async def test_a_certificate_of_others_is_not_trusted_and_not_tried_again(
    desk: Desk, context: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    wire._trusted.cache_clear()
    with Stub(context=context) as front:
        with pytest.raises(Trouble) as told:
            await desk.registries.resolve(f"{front.host}/shop:tls")
        assert front.given == []
    assert told.value.code == "registry-untrusted"
    assert "a certificate that this deployer does not trust: unable to get local issuer" in told.value.message
    assert desk.time.slept == []


async def test_a_certificate_of_another_host_is_told_as_such(desk: Desk, authority: trustme.CA) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("registry.example.com").configure_cert(context)
    with Stub(context=context) as front, pytest.raises(Trouble) as told:
        await desk.registries.resolve(f"{front.host}/shop:tls")
    assert told.value.code == "registry-untrusted"
    assert "certificate is not valid for '127.0.0.1'" in told.value.message


async def test_a_registry_without_tls_is_told_at_once_and_how_to_ask_it(registry: Registry, desk: Desk) -> None:
    desk.plain = ()
    pushed(registry, "shop", OCI_INDEX, "plain")
    with pytest.raises(Trouble) as told:
        await desk.registries.resolve(f"{registry.host}/shop:plain")
    assert told.value.code == "registry-not-tls"
    said, _, setting = told.value.message.rpartition(" ")
    assert said == f"{registry.host} answers without TLS. If that is right, tell the deployer, and start it again:"
    assert desk.time.slept == []

    name, _, plain = setting.partition("=")
    assert name == "OWNSTACK_DEPLOYER_REGISTRIES_PLAIN"
    started_again = Desk(desk.folder, plain=(plain,))
    assert await started_again.registries.resolve(f"{registry.host}/shop:plain")


@pytest.mark.parametrize(
    ("status", "header", "form"), [(302, "Location", "{}"), (401, "WWW-Authenticate", 'Bearer realm="{}"')]
)
async def test_what_it_refers_to_without_tls_is_not_for_the_deployer_to_be_told(
    desk: Desk, context: ssl.SSLContext, status: int, header: str, form: str
) -> None:
    with Stub() as inside:
        refers = Reply(status, {header: form.format(f"https://{inside.host}/x")})
        with Stub(lambda given: refers, context) as front, pytest.raises(Trouble) as told:
            await desk.registries.resolve(f"{front.host}/shop:tls")
    assert told.value.code == "registry-invalid"
    assert told.value.message == f"{front.host} refers to https://{inside.host}, which answers without TLS."
    assert desk.time.slept == []


@pytest.mark.parametrize("plain", [(), ("127.0.0.1:1",)])
async def test_it_can_not_send_us_to_plain_http(desk: Desk, context: ssl.SSLContext, plain: tuple[str, ...]) -> None:
    desk.plain = plain
    with Stub() as inside:
        for reply in (
            Reply(302, {"Location": f"http://{inside.host}/latest/meta-data"}),
            Reply(401, {"WWW-Authenticate": f'Bearer realm="http://{inside.host}/"'}),
        ):
            with (
                Stub(lambda given, reply=reply: reply, context) as front,
                pytest.raises(Trouble) as told,
            ):
                await desk.registries.resolve(f"{front.host}/shop:tls")
            assert told.value.code == "registry-invalid"
            assert "not https" in told.value.message
        assert inside.given == []
