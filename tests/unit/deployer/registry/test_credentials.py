"""Credentials are read from Docker's own config file, and asked of its helpers."""

from __future__ import annotations

import base64
import json
import os
import signal
import stat
from pathlib import Path
from typing import Any

import pytest

from ownstack_deployer.registry import helpers
from ownstack_deployer.registry.credentials import Credentials, DockerConfig
from ownstack_deployer.registry.trouble import Trouble


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.fixture
def bin_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    return folder


def helper(folder: Path, script: str) -> None:
    """The helper `test`."""
    program = folder / "docker-credential-test"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(stat.S_IRWXU)


async def found(tmp_path: Path, config: Any, host: str) -> Credentials | None:
    file = tmp_path / "config.json"
    file.write_text(config if isinstance(config, str) else json.dumps(config))
    return await DockerConfig(file).credentials(host)


CI = Credentials("ci", "pass:word")


@pytest.mark.parametrize(
    ("key", "host"),
    [
        ("r.example", "r.example"),
        ("https://r.example", "r.example"),
        ("https://r.example/v2/", "r.example"),
        ("http://r.example/v1/", "r.example"),
        ("R.Example:5000", "r.example:5000"),
        ("https://index.docker.io/v1/", "docker.io"),
        ("docker.io", "docker.io"),
        ("registry-1.docker.io", "docker.io"),
    ],
)
async def test_a_registry_is_known_by_its_keys(tmp_path: Path, key: str, host: str) -> None:
    assert await found(tmp_path, {"auths": {key: {"auth": encoded("ci:pass:word")}}}, host) == CI


@pytest.mark.parametrize("key", ["r.example:5000", "x.r.example", "r.example.evil", "r.exampl"])
async def test_those_of_another_registry_are_not_taken(tmp_path: Path, key: str) -> None:
    assert await found(tmp_path, {"auths": {key: {"auth": encoded("ci:pass:word")}}}, "r.example") is None


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"username": "ci", "password": "pass:word"}, CI),
        ({"auth": encoded("ci:pass:word\0\0")}, CI),
        ({"identitytoken": "t"}, Credentials(identity="t")),
        ({"auth": encoded("00000000-0000:"), "identitytoken": "t"}, Credentials("00000000-0000", "", "t")),
        ({"registrytoken": "t"}, Credentials(registry="t")),
        ({}, None),
        ({"auth": ""}, None),
        ({"username": "ci"}, None),
        ({"username": 1, "password": 2}, None),
        ("odd", None),
    ],
)
async def test_all_forms_are_read(tmp_path: Path, entry: Any, expected: Credentials | None) -> None:
    assert await found(tmp_path, {"auths": {"r.example": entry}}, "r.example") == expected


def test_they_do_not_show_themselves() -> None:
    assert "s3cret" not in repr(Credentials("ci", "s3cret", "s3cret-i", "s3cret-r"))


@pytest.mark.parametrize("config", ["", "{", "[]", "[" * 100_000, '{"auths": ' + "1" * (2 << 20) + "}"])
async def test_a_file_that_is_none_is_told_and_not_repeated(tmp_path: Path, config: str) -> None:
    with pytest.raises(Trouble) as told:
        await found(tmp_path, config, "r.example")
    assert told.value.code == "credentials-unusable"
    assert len(told.value.message) < 300


@pytest.mark.parametrize("auth", ["%%%", encoded("x")[:-1] + "é", base64.b64encode(b"\xff:\xff").decode()])
async def test_an_auth_that_can_not_be_read_is_told_and_not_repeated(tmp_path: Path, auth: str) -> None:
    with pytest.raises(Trouble) as told:
        await found(tmp_path, {"auths": {"r.example": {"auth": auth}}}, "r.example")
    assert told.value.code == "credentials-unusable"
    assert auth not in told.value.message


async def test_no_file_is_no_credentials_unless_it_was_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "absent"))
    assert DockerConfig.at(None).file == tmp_path / "absent" / "config.json"
    assert await DockerConfig.at(None).credentials("r.example") is None
    with pytest.raises(Trouble) as told:
        await DockerConfig.at(tmp_path / "absent").credentials("r.example")
    assert told.value.code == "credentials-unusable"


def test_it_is_in_the_home_or_where_it_was_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DOCKER_CONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert DockerConfig.at(None).file == tmp_path / ".docker" / "config.json"
    assert DockerConfig.at(tmp_path).file == tmp_path / "config.json"
    assert DockerConfig.at(tmp_path / "pull-secret").file == tmp_path / "pull-secret"


@pytest.mark.parametrize(
    "config", [{"credsStore": "test"}, {"credHelpers": {"r.example": "test"}, "credsStore": "other"}]
)
async def test_a_helper_is_asked(tmp_path: Path, bin_folder: Path, config: dict[str, Any]) -> None:
    helper(bin_folder, 'read server; printf \'{"Username": "%s-%s", "Secret": "s"}\' "$1" "$server"')
    assert await found(tmp_path, config, "r.example") == Credentials("get-r.example", "s")


async def test_for_the_hub_it_is_asked_by_dockers_key(tmp_path: Path, bin_folder: Path) -> None:
    helper(bin_folder, 'read server; printf \'{"Username": "%s", "Secret": "s"}\' "$server"')
    for config in ({"credsStore": "test"}, {"credHelpers": {"docker.io": "test"}}):
        assert await found(tmp_path, config, "docker.io") == Credentials("https://index.docker.io/v1/", "s")


async def test_a_token_of_a_helper_is_an_identity_token(tmp_path: Path, bin_folder: Path) -> None:
    helper(bin_folder, 'echo \'{"Username": "<token>", "Secret": "s"}\'')
    assert await found(tmp_path, {"credsStore": "test"}, "r.example") == Credentials(identity="s")


async def test_a_helper_that_has_none_is_none_and_the_file_is_read(tmp_path: Path, bin_folder: Path) -> None:
    helper(bin_folder, "echo credentials not found in native keychain; exit 1")
    assert await found(tmp_path, {"credsStore": "test"}, "r.example") is None
    config = {"credsStore": "test", "auths": {"r.example": {"auth": encoded("ci:pass:word")}}}
    assert await found(tmp_path, config, "r.example") == CI


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("echo s3cret; exit 3", "failed with exit code 3"),
        ("echo s3cret", "does not answer as a helper"),
        ("echo '[\"s3cret\"]'", "does not answer as a helper"),
        ("yes s3cret", "failed with exit code -1"),
        ("sleep 60 & sleep 60", "does not answer within"),
        ("exec >&-; sleep 60", "does not answer within"),
    ],
)
async def test_a_helper_that_fails_is_told_without_what_it_said(
    tmp_path: Path, bin_folder: Path, monkeypatch: pytest.MonkeyPatch, script: str, why: str
) -> None:
    monkeypatch.setattr(helpers, "PATIENCE", 0.3 if "60" in script else 20.0)
    helper(bin_folder, script)
    with pytest.raises(Trouble) as told:
        await found(tmp_path, {"credsStore": "test"}, "r.example")
    assert told.value.code == "credentials-unusable"
    assert why in told.value.message
    assert "s3cret" not in told.value.message


async def test_what_a_helper_leaves_behind_is_not_waited_for(tmp_path: Path, bin_folder: Path) -> None:
    helper(
        bin_folder,
        'setsid sleep 60 & echo $! > pid; echo \'{"Username": "u", "Secret": "s"}\''.replace(
            "> pid", f"> {tmp_path}/pid"
        ),
    )
    assert await found(tmp_path, {"credsStore": "test"}, "r.example") == Credentials("u", "s")
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)


@pytest.mark.parametrize("name", ["absent", "../test", "test; true", "a/b", "", "-x"])
async def test_a_helper_is_a_program_by_its_name_and_nothing_else(tmp_path: Path, bin_folder: Path, name: str) -> None:
    helper(bin_folder, 'echo \'{"Username": "u", "Secret": "s"}\'')
    if not name:
        assert await found(tmp_path, {"credsStore": name}, "r.example") is None
        return
    with pytest.raises(Trouble) as told:
        await found(tmp_path, {"credsStore": name}, "r.example")
    assert told.value.code == "credentials-unusable"
