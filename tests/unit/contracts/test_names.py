"""Names, ids, references and digests: what may stand in a message, and nothing else."""

from __future__ import annotations

import contextlib
import random
import re
from typing import Any, get_args

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from tests.unit.contracts.strategies import effort

from ownstack_contracts import names
from ownstack_contracts.envelope import Instant, Sha256
from ownstack_contracts.names import Image, digest_of, parse_image
from ownstack_contracts.ssh import parse_ssh
from ownstack_contracts.stacks import SettingKey

SHA256 = f"sha256:{'0a' * 32}"
SHA512 = f"sha512:{'0a' * 64}"


def accepts(kind: Any, value: object) -> bool:
    """Whether a value may stand where `kind` is asked for."""
    try:
        TypeAdapter(kind).validate_python(value, strict=True)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize("name", ["a", "0", "shop", "shop-staging", "pr-12", "a--b", "x" * 63])
def test_a_name_may_be(name: str) -> None:
    assert accepts(names.Name, name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "-a",
        "a-",
        "-",
        "Shop",
        "shop_1",
        "shop.1",
        "shop 1",
        "sh\u00f6p",
        "shop\u0661",
        "x" * 64,
        "shop\n",
        "\nshop",
        "shop\0",
        7,
        None,
    ],
)
def test_a_name_may_not_be(name: object) -> None:
    assert not accepts(names.Name, name)


PATTERNED = {
    "Name": (names.Name, "shop"),
    "Identifier": (names.Identifier, "a.b:c/d#1"),
    "CommandId": (names.CommandId, "a-1"),
    "Code": (names.Code, "app-unknown"),
    "Digest": (names.Digest, SHA256),
    "ImageReference": (names.ImageReference, "shop:1"),
    "PinnedImage": (names.PinnedImage, f"shop@{SHA256}"),
    "Sha256": (Sha256, "0a" * 32),
    "Instant": (Instant, "2026-01-01T12:00:00.123Z"),
    "SettingKey": (SettingKey, "port_range"),
}


@pytest.mark.parametrize("name", PATTERNED)
@pytest.mark.parametrize("around", ["{}\n", "\n{}", "{}\r\n", "{}\0", " {}", "{} ", "{}\n{}", "{}\u2028", "{}\u0661"])
def test_nothing_stands_around_what_a_pattern_asks_for(name: str, around: str) -> None:
    kind, good = PATTERNED[name]
    assert accepts(kind, good)
    assert not accepts(kind, around.format(good, good))


@pytest.mark.parametrize(
    "instant", ["2026-01-01T12:00:00Z", "2026-01-01t12:00:00.1z", "2026-01-01T12:00:00.123456789+02:00"]
)
def test_an_instant_may_be(instant: str) -> None:
    assert accepts(Instant, instant)


@pytest.mark.parametrize(
    "instant",
    [
        "2026-01-01",
        "2026-01-01 12:00:00Z",
        "2026-01-01T12:00:00",
        "2026-01-01T12:00:00.Z",
        "\u0662\u0660\u0662\u0666-01-01T12:00:00Z",
        "2026-01-01T12:00:0\u0660Z",
        "2026-01-01T12:00:00+0\u0662:00",
    ],
)
def test_an_instant_may_not_be(instant: str) -> None:
    assert not accepts(Instant, instant)


@pytest.mark.parametrize(
    ("reference", "parts"),
    [
        ("shop", Image("shop", None, None)),
        ("acme/shop", Image("acme/shop", None, None)),
        ("shop:1.0", Image("shop", "1.0", None)),
        ("localhost/shop", Image("localhost/shop", None, None)),
        ("localhost:5000/shop", Image("localhost:5000/shop", None, None)),
        ("registry.example.com/acme/shop:v1_2-3", Image("registry.example.com/acme/shop", "v1_2-3", None)),
        ("Registry.Example.com:443/shop", Image("Registry.Example.com:443/shop", None, None)),
        ("[2001:db8::1]:5000/shop:1", Image("[2001:db8::1]:5000/shop", "1", None)),
        ("192.0.2.1/shop", Image("192.0.2.1/shop", None, None)),
        ("a/b/c/d", Image("a/b/c/d", None, None)),
        ("a.b/c__d/e-f/g---h/i_j", Image("a.b/c__d/e-f/g---h/i_j", None, None)),
        ("shop:" + "x" * 128, Image("shop", "x" * 128, None)),
        (f"shop@{SHA256}", Image("shop", None, SHA256)),
        (f"shop@{SHA512}", Image("shop", None, SHA512)),
        (f"registry.example.com:5000/shop:1@{SHA256}", Image("registry.example.com:5000/shop", "1", SHA256)),
    ],
)
def test_an_image_reference_may_be(reference: str, parts: Image) -> None:
    assert accepts(names.ImageReference, reference)
    assert parse_image(reference) == parts
    assert accepts(names.PinnedImage, reference) == (parts.digest is not None)


NO_REFERENCES = [
    "",
    "Shop",
    "acme/Shop",
    "/shop",
    "shop/",
    "acme//shop",
    "-shop",
    "shop-",
    "shop.",
    "shop..x",
    "shop___x",
    "shop._x",
    "shop:",
    "shop:.1",
    "shop:-1",
    "shop:1 ",
    "shop:1:2",
    "shop:" + "x" * 129,
    "https://registry.example.com/shop",
    "registry.example.com:port/shop",
    "-registry.example.com/shop",
    "registry..example.com/shop",
    "[2001:db8::1/shop",
    "sh\u00f6p",
    "shop:\u0661",
    "shop@",
    "shop@sha256",
    "shop@sha256:",
    f"shop@{SHA256[:-1]}",
    f"shop@{SHA256}0",
    f"shop@{SHA256.upper()}",
    f"shop@sha256:{'0A' * 32}",
    f"shop@sha256:{'0g' * 32}",
    f"shop@sha512:{'0a' * 32}",
    f"shop@md5:{'0a' * 16}",
    f"shop@{SHA256}@{SHA256}",
    f"shop@{SHA256}:1",
    f"@{SHA256}",
    "x/" * 300 + "x",
]


@pytest.mark.parametrize("reference", NO_REFERENCES)
def test_an_image_reference_may_not_be(reference: str) -> None:
    assert not accepts(names.ImageReference, reference)
    assert not accepts(names.PinnedImage, reference)


@pytest.mark.parametrize("reference", [r for r in NO_REFERENCES if len(r) <= 600])
def test_what_is_no_image_reference_is_not_split(reference: str) -> None:
    with pytest.raises(ValueError, match="is not an image reference"):
        parse_image(reference)


@pytest.mark.parametrize(
    ("digest", "good"),
    [(SHA256, True), (SHA512, True), ("", False), ("0a" * 32, False), (f"x{SHA256}", False), (f"{SHA512}\n", False)],
)
def test_a_digest_is_an_algorithm_and_as_many_hexadecimal_digits_as_it_gives(digest: str, good: bool) -> None:
    assert accepts(names.Digest, digest) is good


PARTS = st.sampled_from(
    ["shop", "a", "-", "--", ".", "_", "__", "/", ":", "@", "[", "]", "5000", "X", SHA256, SHA512, "\n", "\u0661"]
)


@effort(400)
@example("a:1/b:1")
@example("shop\n")
@given(st.lists(PARTS, max_size=8).map("".join))
def test_what_is_accepted_is_what_can_be_split(reference: str) -> None:
    if len(reference) > 600:
        return
    accepted = accepts(names.ImageReference, reference)
    try:
        image = parse_image(reference)
    except ValueError:
        assert not accepted
        return
    assert accepted
    assert accepts(names.PinnedImage, reference) == (image.digest is not None)
    if image.digest is not None:
        assert digest_of(reference) == image.digest
        assert accepts(names.Digest, image.digest)


def test_an_image_without_a_digest_is_not_pinned() -> None:
    with pytest.raises(ValueError, match="has no digest"):
        digest_of("shop:1")


def test_every_id_that_is_derived_from_the_longest_names_is_an_identifier() -> None:
    command, name, most = "c" * 64, "n" * 63, str(2**53 - 1)
    deployment = f"{command}.{name}"
    app_id = f"{name}.{most}"
    derived = [
        deployment,
        f"{deployment}.{most}",
        f"{deployment}#postdeploy.{most}",
        app_id,
        f"{app_id}.{name}#look.{most}",
        f"{app_id}.{name}#remove.{most}",
        f"ownstack.commands/99/{2**63}/{most}",
    ]
    assert [i for i in derived if not accepts(names.Identifier, i)] == []
    assert max(map(len, derived)) <= 200


def test_python_and_the_validator_mean_the_same_by_a_pattern() -> None:
    """`Unreadable` reads team and id with `re`, the envelope with pydantic: neither knows other digits or newlines."""
    for pattern, kind in ((names.NAME_PATTERN, names.Name), (names.COMMAND_ID_PATTERN, names.CommandId)):
        assert get_args(kind)[1].pattern == pattern
        for text in ("a", "a\n", "\u0661", "a" * 63, "a" * 65, "A.b", ""):
            assert (re.fullmatch(pattern, text) is not None) == accepts(kind, text)


PIECES = (
    *(
        "'",
        '"',
        "`",
        "$(id)",
        "${IFS}",
        ";rm -rf /",
        "&&",
        "|",
        "\\",
        "\n",
        "\0",
        " ",
        "\t",
        "*",
        "?",
        "[a]",
        "{a,b}",
        "~",
    ),
    *(
        "-n",
        "--force",
        "-oProxyCommand=x",
        "#",
        "!",
        "<",
        ">",
        "%s",
        "é",
        "\u202e",
        "../",
        "@",
        ":",
        "/",
        "a",
        "shop",
        "0",
    ),
)
PLAIN = re.compile(r"[A-Za-z0-9._:/@\[\]-]+")
"""What no shell makes anything of in quotes, nor any program an option."""


def hostile(count: int) -> list[str]:
    """Names that somebody would give who means harm; always the same ones."""
    chance = random.Random(5)
    return ["".join(chance.choices(PIECES, k=chance.randint(1, 5))) for _ in range(count)]


@pytest.mark.parametrize("kind", [names.AppName, names.StackName, names.TeamName, names.PinnedImage, names.ConfigKey])
def test_of_a_thousand_hostile_names_none_comes_through_that_a_shell_would_read(kind: Any) -> None:
    told = [name for name in hostile(1_000) if accepts(kind, name)]
    told += [name for name in (f"{h}@{SHA256}" for h in hostile(1_000)) if accepts(kind, name)]
    assert all(PLAIN.fullmatch(name) and not name.startswith("-") for name in told), told


def test_nor_does_an_address_over_ssh() -> None:
    for name in hostile(1_000):
        for address in (name, f"{name}@host:22", f"dokku@{name}:22", f"dokku@host:{name}"):
            with contextlib.suppress(ValueError):
                read = parse_ssh(address)
                assert PLAIN.fullmatch(str(read)), address
                assert not read.host.startswith("-")
                assert not read.user.startswith("-")
