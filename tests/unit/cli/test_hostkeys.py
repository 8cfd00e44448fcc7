"""Keys of SSH, as people and servers write them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from tests.unit.cli.checks import FINGERPRINT, HOST_KEY, OTHER

from ownstack.hostkeys import HostKey, host_key, is_same, letting_in, pin_of

BLOB = HOST_KEY.split()[1]


@pytest.mark.parametrize(
    "line", [HOST_KEY, f"{HOST_KEY} root@eu-1", f"[203.0.113.7]:2222 {HOST_KEY}", f"  {HOST_KEY}\n", f"@x h {HOST_KEY}"]
)
def test_a_key_is_found_in_its_line(line: str) -> None:
    assert host_key(line) == HostKey("ssh-ed25519", BLOB)


@pytest.mark.parametrize("line", ["", "ssh-ed25519", BLOB, "a b"])
def test_what_has_no_key_has_none(line: str) -> None:
    assert (host_key(line), pin_of(line)) == (None, None)


@pytest.mark.parametrize(
    ("kind", "name", "file"),
    [
        ("ssh-ed25519", "ED25519", "ed25519"),
        ("ecdsa-sha2-nistp256", "ECDSA", "ecdsa"),
        ("ssh-rsa", "RSA", "rsa"),
        ("ssh-new", "ssh-new", "*"),
    ],
)
def test_its_kind_is_said_as_ssh_keygen_does_and_its_file_is_that_of_openssh(kind: str, name: str, file: str) -> None:
    key = HostKey(kind, "A")
    assert (key.name, key.file) == (name, f"/etc/ssh/ssh_host_{file}_key.pub")


@pytest.mark.parametrize(
    ("given", "same"),
    [
        (FINGERPRINT, True),
        (f"{HOST_KEY} somebody", True),
        (OTHER, False),
        (f"ssh-rsa {BLOB}", False),
        (BLOB, False),
        ("", False),
    ],
)
def test_a_key_is_the_same_by_its_line_or_its_fingerprint(given: str, same: bool) -> None:
    assert is_same(given, HOST_KEY, FINGERPRINT) is same
    assert is_same(given, None, None) is False


@pytest.mark.parametrize("deployer", ["hub", "hub.example.org", "a'; reboot", "…"])
def test_the_line_for_the_server_says_the_key_to_a_shell_and_nothing_else(tmp_path: Path, deployer: str) -> None:
    key = 'ssh-ed25519 AAAA "$(reboot)" `reboot` \\ $HOME'
    program = tmp_path / "sudo"
    program.write_text('#!/bin/sh\ncat; echo "$@"\n')
    program.chmod(0o755)
    line = letting_in(key, deployer)
    said = subprocess.run(
        ["/bin/sh", "-c", line], env={"PATH": f"{tmp_path}:/bin:/usr/bin"}, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert said[0] == key
    assert said[1:] == [f"dokku ssh-keys:add {line.rpartition(' ')[2]}"]
    assert line.rpartition(" ")[2].replace("-", "").isalnum()
