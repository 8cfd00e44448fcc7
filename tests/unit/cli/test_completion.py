"""Completion in the shell: names, at once, or silence."""

from __future__ import annotations

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
from tests.unit.cli.fake import Fake, ok, page, problem

from ownstack import completion
from ownstack.profiles import Profile, profiles_path, save


def test_names_of_apps_that_begin_so(fake: Fake) -> None:
    fake.on("GET", "/apps", page({"name": "shop"}, {"name": "shop-staging"}, {"name": "blog"}))
    assert completion.apps("sho") == ["shop", "shop-staging"]


def test_nothing_is_said_when_there_is_no_server() -> None:
    assert completion.stacks("") == []


def test_nothing_is_said_when_the_server_refuses(fake: Fake) -> None:
    fake.on("GET", "/stacks", problem(401, "token-unknown", "No."))
    assert completion.stacks("") == []


def test_profiles_are_completed_from_the_file() -> None:
    save(profiles_path(), Profile("prod", "https://x", None))
    assert completion.profiles("p") == ["prod"]


def test_promotions_that_can_be_cancelled(fake: Fake) -> None:
    fake.on("GET", "/promotions", page({"id": "p1"}), page({"id": "p2"}))
    assert completion.open_promotions("") == ["p1", "p2"]


def shown_by_tab(*words: str) -> list[str]:
    """What the shell gets for a line whose last word is being typed."""
    asked = {"_OWNSTACK_COMPLETE": "complete_bash", "COMP_WORDS": " ".join(words), "COMP_CWORD": str(len(words) - 1)}
    ended = subprocess.run(
        [sys.executable, "-m", "ownstack.main"],
        env={**os.environ, **asked},
        capture_output=True,
        text=True,
        check=False,
    )
    return ended.stdout.split()


@pytest.mark.parametrize(
    "words",
    [
        ("rollback", "shop", "--to", "v1"),
        ("release", "info", "shop", "v1"),
        ("app", "pipeline", "promote", "shop", "--release", "v1"),
    ],
)
def test_releases_of_the_app_that_stands_before(fake: Fake, words: tuple[str, ...]) -> None:
    fake.on("GET", "/apps/shop/releases", page({"number": 12}, {"number": 2}, {"number": 1}))
    assert shown_by_tab("ownstack", *words) == ["v12", "v1"]


def test_deployments_and_commands_whose_lines_can_be_read(fake: Fake) -> None:
    fake.on("GET", "/apps/shop/deployments", page({"id": "c1.eu-1"}, {"id": "d2.eu-1"}))
    fake.on("GET", "/apps/shop/runs", page({"job": "c3#run"}))
    assert shown_by_tab("ownstack", "logs", "shop", "--deployment", "c") == ["c1.eu-1", "c3#run"]


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (("config:unset", "shop", "DA"), ["DATABASE_URL"]),
        (("config:get", "shop", ""), ["DATABASE_URL", "GREETING"]),
        (("config:set", "shop", "G"), ["GREETING="]),
        (("config:set", "shop", "GREETING=G"), []),
    ],
)
def test_variables_of_the_app_that_stands_before(fake: Fake, words: tuple[str, ...], names: list[str]) -> None:
    variables = [{"name": name} for name in ("GREETING", "DATABASE_URL", "GREETING")]
    fake.on("GET", "/apps/shop/config", ok({"variables": variables}))
    assert shown_by_tab("ownstack", *words) == names


@pytest.mark.parametrize("app", [None, "", "../tokens"])
def test_without_an_app_there_are_no_releases(fake: Fake, app: str | None) -> None:
    assert completion.releases(SimpleNamespace(params={"app": app}, args=[]), "") == []  # type: ignore[arg-type]
    assert fake.asked == []


def test_the_shell_gets_the_names(fake: Fake) -> None:
    fake.on("GET", "/apps", page({"name": "shop"}, {"name": "blog"}))
    asked = {"_OWNSTACK_COMPLETE": "complete_bash", "COMP_WORDS": "ownstack app info sh", "COMP_CWORD": "3"}
    ended = subprocess.run(
        [sys.executable, "-m", "ownstack.main"],
        env={**os.environ, **asked},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.stdout.split() == ["shop"]
