"""Where an image is, and what may be asked because somebody has named it."""

from __future__ import annotations

import httpx
import pytest

from ownstack_deployer.registry.places import Place, Reach, place_of, same_origin
from ownstack_deployer.registry.trouble import Trouble

DEFAULT = ("localhost", "127.0.0.1", "::1")


@pytest.mark.parametrize(
    ("repository", "place"),
    [
        ("shop", Place("docker.io", "library/shop")),
        ("acme/shop", Place("docker.io", "acme/shop")),
        ("docker.io/shop", Place("docker.io", "library/shop")),
        ("docker.io/acme/shop", Place("docker.io", "acme/shop")),
        ("index.docker.io/shop", Place("docker.io", "library/shop")),
        ("localhost/shop", Place("localhost", "shop")),
        ("localhost:5000/acme/shop", Place("localhost:5000", "acme/shop")),
        ("ghcr.io/acme/shop", Place("ghcr.io", "acme/shop")),
        ("Registry/shop", Place("registry", "shop")),
        ("GHCR.io/acme/shop", Place("ghcr.io", "acme/shop")),
        ("registry:5000/shop", Place("registry:5000", "shop")),
        ("[::1]:5000/shop", Place("[::1]:5000", "shop")),
    ],
)
def test_a_repository_is_where_docker_would_look_for_it(repository: str, place: Place) -> None:
    assert place_of(repository) == place


def test_the_hub_answers_under_another_name() -> None:
    assert str(Reach(()).root(place_of("shop"))) == "https://registry-1.docker.io/v2/"


@pytest.mark.parametrize(
    ("host", "root"),
    [
        ("localhost:5000", "http://localhost:5000/v2/"),
        ("127.0.0.1", "http://127.0.0.1/v2/"),
        ("[::1]:5000", "http://[::1]:5000/v2/"),
        ("LOCALHOST:5000", "http://localhost:5000/v2/"),
        ("127.0.0.2:5000", "https://127.0.0.2:5000/v2/"),
        ("localhost.example:5000", "https://localhost.example:5000/v2/"),
        ("169.254.169.254", "https://169.254.169.254/v2/"),
        ("ghcr.io", "https://ghcr.io/v2/"),
        ("xn--bcher-kva.example", "https://xn--bcher-kva.example/v2/"),
        ("[2001:db8::1]:5000", "https://[2001:db8::1]:5000/v2/"),
    ],
)
def test_only_what_is_listed_is_asked_by_plain_http(host: str, root: str) -> None:
    assert str(Reach(DEFAULT).root(place_of(f"{host}/shop"))) == root


@pytest.mark.parametrize(
    ("plain", "host", "is_plain"),
    [
        ("registry.local", "registry.local:5000", True),
        ("registry.local:5000", "registry.local:5000", True),
        ("registry.local:5000", "registry.local", False),
        ("registry.local:5000", "registry.local:5001", False),
        (" Registry.Local ", "registry.local", True),
        ("[::1]", "[::1]:5000", True),
        ("::1", "[::1]:5000", True),
        ("[::1]:5000", "[::1]:5000", True),
        ("::1", "[::2]:5000", False),
        ("", "localhost", False),
    ],
)
def test_it_is_listed_by_host_or_by_host_and_port(plain: str, host: str, is_plain: bool) -> None:
    assert Reach(plain.split(",")).is_plain(host) is is_plain


@pytest.mark.parametrize(
    "host",
    ["r.example:99999", "r.example:0", f"{'x' * 64}.example", "x." * 130 + "example", "[1:2]", "999.999.999.999"],
)
def test_what_is_no_address_is_refused(host: str) -> None:
    with pytest.raises(Trouble) as told:
        Reach(()).root(place_of(f"{host}/shop"))
    assert told.value.code == "reference-invalid"


@pytest.mark.parametrize(
    ("root", "target", "allowed"),
    [
        ("https://r.example/v2/", "https://storage.example/x?sig=1", True),
        ("https://r.example/v2/", "/v2/x", True),
        ("https://r.example/v2/", "x", True),
        ("https://r.example/v2/", "//other.example/x", True),
        ("https://r.example/v2/", "http://r.example/x", False),
        ("https://r.example/v2/", "http://localhost/x", False),
        ("https://r.example/v2/", "file:///etc/passwd", False),
        ("https://r.example/v2/", "ftp://r.example/", False),
        ("https://r.example/v2/", "https://user:pw@r.example/", False),
        ("https://r.example/v2/", "https:///x", True),  # on itself
        ("https://r.example/v2/", "https://r.example%2eevil/", False),
        ("https://r.example/v2/", "https://r.example\\@evil.example/", False),
        ("https://r.example/v2/", "https://r.example:0/", False),
        ("https://r.example/v2/", f"https://{'x' * 64}.example/", False),
        ("https://r.example/v2/", "https://[", False),
        ("https://r.example/v2/", "https://r.example:99999/", False),
        ("http://localhost:5000/v2/", "http://localhost:5001/x", True),
        ("http://localhost:5000/v2/", "http://127.0.0.1/x", True),
        ("http://localhost:5000/v2/", "https://storage.example/x", True),
        ("http://localhost:5000/v2/", "http://169.254.169.254/latest/meta-data", False),
        ("http://localhost:5000/v2/", "http://storage.example/x", False),
    ],
)
def test_what_a_registry_refers_to_is_asked_only_where_that_is_safe(root: str, target: str, allowed: bool) -> None:
    url = httpx.URL(root)
    if allowed:
        assert Reach(DEFAULT).referred(url, url, target)
        return
    with pytest.raises(Trouble) as told:
        Reach(DEFAULT).referred(url, url, target)
    assert told.value.code == "registry-invalid"


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ("https://r.example:443/x", True),
        ("https://r.example/y", True),
        ("https://r.example:444/", False),
        ("http://r.example/", False),
        ("https://r.example.evil/", False),
    ],
)
def test_an_origin_is_scheme_host_and_port(other: str, same: bool) -> None:
    assert same_origin(httpx.URL("https://r.example/v2/"), httpx.URL(other)) is same
