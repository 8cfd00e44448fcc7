"""The reference of the command line, as it is checked in."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from ownstack.commands import serving
from ownstack.reference import SETTINGS, TARGET, rendered, settings_rendered

ROOT = Path(__file__).resolve().parents[3]


def test_the_reference_is_fresh() -> None:
    assert (ROOT / TARGET).read_text(encoding="utf-8") == rendered()


def test_every_command_of_the_design_is_there() -> None:
    wanted = """up, demo, login, token add, token list, token revoke, stack add, stack list, stack info, stack remove,
        app create, app list, app info, app add-stack, app remove-stack, app settings, app destroy, deploy, retry,
        app pipeline create, app pipeline add-staging, app pipeline remove-stage, app pipeline remove,
        app pipeline promote, app pipeline info, promotion list, promotion info, promotion cancel, release list, logs,
        history, dead-letter list, dead-letter show, dead-letter resend, stack check, stack set, app import, app look,
        release info, rollback, run, deployer key, config, config:set, config:unset, config:get, config:push,
        config:diff, app clone, app pipeline review-apps"""
    text = rendered()
    missing = [name for name in (n.strip() for n in wanted.split(",")) if f"\n## ownstack {name}\n" not in text]
    assert missing == []


def test_the_settings_are_fresh() -> None:
    assert (ROOT / SETTINGS).read_text(encoding="utf-8") == settings_rendered()


def test_every_setting_of_every_service_is_there_once() -> None:
    text = settings_rendered()
    kinds = {kind for service in serving.SERVICES for kind in serving.settings_of(service)}
    variables = [variable for kind in kinds for variable, _ in serving.described(kind)]
    assert len(variables) == len(set(variables))
    assert {variable: text.count(f"| `{variable}` |") for variable in variables} == dict.fromkeys(variables, 1)


def test_the_settings_say_nothing_of_the_machine_they_were_written_on(monkeypatch: pytest.MonkeyPatch) -> None:
    here = settings_rendered()
    monkeypatch.setattr(socket, "gethostname", lambda: "elsewhere")
    monkeypatch.setenv("HOME", "/elsewhere")
    monkeypatch.setenv("XDG_STATE_HOME", "/elsewhere/state")
    assert settings_rendered() == here
    assert socket.gethostname() not in here
