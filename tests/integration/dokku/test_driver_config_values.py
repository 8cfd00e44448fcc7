"""Values of config at a Dokku server: whatever they are, they arrive as they are; what it can't keep is refused."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from tests.integration.dokku.configured import NEW, OLD, about_config, gets, has_v1
from tests.integration.dokku.driving import APP, Stand

SHORT = ["", " ", "\n", "\r\n", "\t", *"'\"\\$`!#=-~*", "%s", "ä", "漢字", "😀", "\u202e", "\u2028", "\xa0"]
WORDS = ["--help", "-n", "-e", "--no-restart", "K=V", "007", "true", "null", "\x1b[31m", "<&>"]
TEXTS = [
    "two\nlines\n",
    "\n\nempty lines",
    " blanks around ",
    "it's",
    'say "hi"',
    "$(id) `id` ${HOME} $HOME $$",
    "a\\nb",
]


@pytest.fixture
def with_v1(stand: Stand) -> Stand:
    return has_v1(stand)


def everything() -> dict[str, str]:
    """Values of all kinds, by name."""
    return {f"V{number}": value for number, value in enumerate([*SHORT, *WORDS, *TEXTS, *_long()])}


def _long() -> Iterator[str]:
    chance = random.Random(7)
    yield "a" * 60 * 1024
    yield "".join(chr(chance.choice([*range(1, 256), 0x20AC, 0x1F600, 0x2028, 0xFEFF])) for _ in range(3_000))
    yield "-----BEGIN KEY-----\nabc+/=\n-----END KEY-----\n"


async def test_values_of_any_kind_arrive_as_they_are(stand: Stand) -> None:
    config = everything()
    assert (await gets(stand, config, "v1", 1)).code == "live"
    assert stand.server.runs_with(APP) == config
    assert all(len(line) <= 100_000 for line in stand.server.commands())

    again = len(stand.server.commands())
    assert (await gets(stand, config, "v2", 2)).code == "live"
    assert not any("config:set" in line for line in stand.server.commands()[again:])  # they are seen to be the same


async def test_hundreds_of_variables_are_set_and_unset_in_lines_that_are_short_enough(stand: Stand) -> None:
    config = {f"{'N' * 230}{number}": f"{number}" * 100 for number in range(500)}
    assert (await gets(stand, config, "v1", 1)).code == "live"
    assert stand.server.runs_with(APP) == config
    without = stand.deploy("v2", 2, config_unset=tuple(config))
    assert (await stand.attempts(without)).code == "live"
    assert stand.server.runs_with(APP) == {}
    lines = stand.server.commands()
    assert max(map(len, lines)) <= 100_000
    assert sum(line.startswith("config:set") for line in lines) >= 2
    assert sum(line.startswith("config:unset") for line in lines) >= 2


@pytest.mark.parametrize("value", ["a" * 65_000, '"' * 33_000, "ä" * 33_000])
async def test_a_value_that_dokku_can_not_keep_is_refused_before_anything_is_done(with_v1: Stand, value: str) -> None:
    stand = with_v1
    outcome = await gets(stand, {"LONG": value, **NEW})
    assert outcome.failure is not None
    assert (outcome.code, outcome.failure.began, outcome.failure.in_doubt) == ("config-too-long", False, False)
    assert "LONG" in outcome.failure.message
    assert about_config(stand) == []


async def test_a_value_that_dokku_changes_is_noticed_and_put_back(with_v1: Stand) -> None:
    stand = with_v1
    stand.server.set(changes=["TOKEN"])
    outcome = await gets(stand, NEW)
    assert outcome.failure is not None
    assert (outcome.code, outcome.failure.began) == ("config-not-kept", False)
    assert "TOKEN" in outcome.failure.message
    assert "FRESH" not in outcome.failure.message
    # the old one is given back: of a server that changes it, it is not asked whether it has kept that
    assert stand.server.config(APP) == {**OLD, "TOKEN": OLD["TOKEN"][:-1]}
    assert not any(line.startswith("git:from-image") for line in stand.server.commands())
