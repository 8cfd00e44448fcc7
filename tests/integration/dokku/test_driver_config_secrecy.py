"""The values of config at a Dokku server are shown to nobody: neither by failures nor in a log."""

from __future__ import annotations

import json
import logging

import pytest
from tests.integration.dokku.configured import NEW, OLD, breaks, gets, has_v1, shows
from tests.integration.dokku.driving import Stand


@pytest.fixture
def with_v1(stand: Stand) -> Stand:
    return has_v1(stand)


@pytest.mark.parametrize("command", ["config:export", "config:set", "config:unset"])
async def test_what_a_command_about_config_says_is_not_repeated_when_it_fails(with_v1: Stand, command: str) -> None:
    stand = with_v1
    breaks(stand, command)
    outcome = await gets(stand, NEW)
    assert outcome.failure is not None
    assert (outcome.code, outcome.failure.began) == ("dokku-failed", False)
    assert command in outcome.failure.message
    assert not any(value in shows(stand, outcome) for value in (*NEW.values(), *OLD.values()))
    assert not any(line.startswith("git:from-image") for line in stand.server.commands())


async def test_an_export_that_is_no_config_is_told_without_it(with_v1: Stand) -> None:
    stand = with_v1
    breaks(stand, "config:export", 0)
    outcome = await gets(stand, NEW)
    assert outcome.failure is not None
    assert (outcome.code, OLD["TOKEN"] in shows(stand, outcome)) == ("dokku-failed", False)


async def test_lines_that_are_too_long_are_masked_before_they_are_cut(with_v1: Stand) -> None:
    stand = with_v1
    stand.server.add_image("loud", output={"release": "x" * 3_990 + NEW["TOKEN"] + "\n"})
    assert (await gets(stand, NEW, "loud")).code == "live"
    assert stand.log.says("x" * 3_990 + "[TOKEN]"[:10])
    assert not stand.log.says("the-new")


async def test_no_log_of_the_deployer_has_a_value_in_it(with_v1: Stand, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    stand = with_v1
    await gets(stand, NEW, "relfail")
    breaks(stand, "config:set")
    await gets(stand, NEW, generation=3)
    told = caplog.text + json.dumps([record.__dict__ for record in caplog.records], default=repr)
    assert not any(value in told for value in (*NEW.values(), *OLD.values()))
