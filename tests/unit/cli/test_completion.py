"""Completion in the shell: names, at once, or silence."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.unit.cli.fake import Fake, page, problem

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
