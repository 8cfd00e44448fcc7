"""`ownstack deployer key`: the key of the deployer on this machine, whichever way that one is run."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest
from tests.unit.cli.conftest import Run


@pytest.fixture(autouse=True)
def state(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where `ownstack serve deployer` keeps its state."""
    for name in ("STATE", "SSH_KEY"):
        monkeypatch.delenv(f"OWNSTACK_DEPLOYER_{name}", raising=False)
    monkeypatch.setenv("OWNSTACK_DEPLOYER_NAME", "hub")
    monkeypatch.setenv("XDG_STATE_HOME", str(home / "state"))
    return home / "state" / "ownstack" / "deployer"


def of_up(data: Path) -> Path:
    """The folder of the deployer in a house that has been up."""
    data.mkdir(parents=True)
    (data / "ownstack.db").touch()
    return data / "deployer"


def test_it_is_made_once_and_printed_alone(ownstack: Run, state: Path) -> None:
    first, second = ownstack("deployer", "key"), ownstack("deployer", "key")
    assert (first.code, first.out.split()[0], first.out.split()[2:]) == (0, "ssh-ed25519", ["ownstack-hub"])
    assert (second.out, len(first.out.splitlines())) == (first.out, 1)
    assert str(state) in first.err
    assert stat.S_IMODE((state / "ssh_key").stat().st_mode) == 0o600


def test_json_is_one_document(ownstack: Run, state: Path) -> None:
    plain, json = ownstack("deployer", "key"), ownstack("deployer", "key", "--json")
    assert (json.json, json.err) == ({"public_key": plain.out.strip(), "state": str(state)}, "")


def test_it_is_that_of_the_house_that_has_been_up_here(ownstack: Run, home: Path, state: Path) -> None:
    folder = of_up(home / "data" / "ownstack")
    ended = ownstack("deployer", "key")
    assert (ended.code, (folder / "ssh_key").is_file(), state.exists()) == (0, True, False)
    assert str(folder) in ended.err


def test_it_is_that_of_the_house_that_is_named(ownstack: Run, home: Path) -> None:
    folder = of_up(home / "elsewhere")
    of_up(home / "data" / "ownstack")
    ended = ownstack("deployer", "key", "--data", str(home / "elsewhere"))
    assert (ended.code, (folder / "ssh_key").is_file()) == (0, True)


def test_the_environment_of_a_deployer_goes_before_a_house_that_is_not_named(
    ownstack: Run, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_up(home / "data" / "ownstack")
    monkeypatch.setenv("OWNSTACK_DEPLOYER_STATE", str(home / "chosen"))
    assert ownstack("deployer", "key").code == 0
    assert (home / "chosen" / "ssh_key").is_file()


def test_a_key_that_others_can_read_is_refused(ownstack: Run, state: Path) -> None:
    ownstack("deployer", "key")
    (state / "ssh_key").chmod(0o644)
    ended = ownstack("deployer", "key", "--json")
    assert (ended.code, ended.out, ended.error["code"]) == (1, "", "ssh-key-unusable")
    assert "chmod 600" in ended.error["message"]


def test_settings_that_are_wrong_are_said(ownstack: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OWNSTACK_DEPLOYER_PROGRAMS", "many")
    ended = ownstack("deployer", "key")
    assert (ended.code, "OWNSTACK_DEPLOYER_PROGRAMS" in ended.err) == (2, True)


@pytest.mark.parametrize("missing", ["asyncssh", "pydantic_settings"])
def test_it_says_what_to_install_where_there_is_no_deployer(
    ownstack: Run, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    for name in list(sys.modules):
        if name.startswith(("ownstack_deployer", "ownstack.serve")):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    ended = ownstack("deployer", "key")
    assert (ended.code, "ownstack[deployer" in ended.err, missing in ended.err) == (1, True, True)
