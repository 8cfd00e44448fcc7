"""The secret key of a house: made once, its owner's alone, replaced while the house is stopped, lost."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from ownstack import keyfile, rotating
from ownstack.exits import Failure
from ownstack.keyfile import NAME, NEXT
from ownstack.main import main
from ownstack.up import FILE, open_rooms
from ownstack_vault import SecretKeys, SecretUnreadable, Slot, new_secret_key, open_vault

NOW = 1_800_000_000_000
SLOT = Slot("acme", "shop.7", "X")


@pytest.fixture(autouse=True)
def _bare(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in [name for name in os.environ if name.startswith("OWNSTACK_")]:
        monkeypatch.delenv(variable)


async def sealed_by(data: Path, slot: Slot = SLOT) -> str:
    async with AsyncExitStack() as stack:
        rooms = await open_rooms(data, stack)
        return rooms.vault.secrets.seal({slot: "canary"}, NOW)[slot].sealed


async def opened_by(data: Path, sealed: str) -> str:
    async with AsyncExitStack() as stack:
        rooms = await open_rooms(data, stack)
        return rooms.vault.secrets.unseal({SLOT: sealed})[SLOT]


async def refusal(data: Path) -> Failure:
    with pytest.raises(Failure) as found:
        await sealed_by(data)
    assert found.value.hint
    return found.value


def key_in(data: Path, name: str = NAME) -> str:
    return (data / name).read_text().strip()


async def test_the_first_start_makes_a_key_for_its_owner_alone_and_the_next_uses_it(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        sealed = await sealed_by(tmp_path)
    finally:
        os.umask(before)
    key = key_in(tmp_path)
    assert SecretKeys.parse(key)
    assert stat.S_IMODE((tmp_path / NAME).stat().st_mode) == 0o600
    assert await opened_by(tmp_path, sealed) == "canary"
    assert key_in(tmp_path) == key
    assert [path.name for path in tmp_path.iterdir() if "secret" in path.name] == [NAME]


async def test_a_key_of_the_environment_goes_before_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = new_secret_key()
    monkeypatch.setenv("OWNSTACK_SECRET_KEY", key)
    await sealed_by(tmp_path)
    assert not (tmp_path / NAME).exists()
    monkeypatch.delenv("OWNSTACK_SECRET_KEY")
    assert (await refusal(tmp_path)).code == "secret-key-missing"
    (tmp_path / "elsewhere").write_text(f"{key}\n")
    monkeypatch.setenv("OWNSTACK_SECRET_KEY_FILE", str(tmp_path / "elsewhere"))
    await sealed_by(tmp_path)
    monkeypatch.setenv("OWNSTACK_SECRET_KEY", new_secret_key())
    assert (await refusal(tmp_path)).code == "secret-key-wrong"
    monkeypatch.setenv("OWNSTACK_SECRET_KEY_OLD_FILE", str(tmp_path / "elsewhere"))
    await sealed_by(tmp_path)


async def test_no_key_is_made_where_one_is_lost(tmp_path: Path) -> None:
    await sealed_by(tmp_path)
    (tmp_path / NAME).unlink()
    found = await refusal(tmp_path)
    assert (found.code, "--forget-lost" in (found.hint or "")) == ("secret-key-missing", True)
    assert not (tmp_path / NAME).exists()


async def test_the_key_of_another_house_is_refused(tmp_path: Path) -> None:
    await sealed_by(tmp_path)
    (tmp_path / NAME).write_text(new_secret_key())
    assert (await refusal(tmp_path)).code == "secret-key-wrong"


async def test_the_hint_for_a_wrong_key_is_what_mends_this_house(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await sealed_by(tmp_path)
    (tmp_path / NAME).write_text(new_secret_key())
    assert f"ownstack secret rotate --data {tmp_path} --forget-lost" in str((await refusal(tmp_path)).hint)
    monkeypatch.setenv("OWNSTACK_SECRET_KEY", new_secret_key())
    assert f"ownstack secret rewrap --data {tmp_path} --forget-lost" in str((await refusal(tmp_path)).hint)
    assert main(["secret", "rewrap", "--data", str(tmp_path), "--forget-lost"]) == 0
    await sealed_by(tmp_path)


async def test_whoever_rotates_a_wrong_key_is_told_the_same(tmp_path: Path) -> None:
    await sealed_by(tmp_path)
    (tmp_path / NAME).write_text(new_secret_key())
    for work in (rotating.rewrap, rotating.rotate):
        with pytest.raises(Failure) as found:
            work(tmp_path, forget_lost=False)
        assert f"ownstack secret rotate --data {tmp_path} --forget-lost" in str(found.value.hint)


async def test_a_house_with_a_wrong_key_in_its_file_begins_anew_with_another(tmp_path: Path) -> None:
    await sealed_by(tmp_path)
    (tmp_path / NAME).write_text(new_secret_key())
    assert main(["secret", "rotate", "--data", str(tmp_path), "--forget-lost"]) == 0
    await sealed_by(tmp_path)


def test_whoever_makes_a_key_is_told_that_its_file_is_theirs_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["secret", "new", "--help"]) == 0
    assert "chmod 600" in capsys.readouterr().out


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
async def test_a_key_that_is_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    await sealed_by(tmp_path)
    (tmp_path / NAME).chmod(mode)
    found = await refusal(tmp_path)
    assert (found.code, f"chmod 600 {tmp_path / NAME}" in (found.hint or "")) == ("secret-key-file", True)


@pytest.mark.parametrize("text", ["", "canary", "ü", "canary" * 1_000])
async def test_a_key_that_is_none_is_refused_and_not_repeated(tmp_path: Path, text: str) -> None:
    (tmp_path / NAME).touch(0o600)
    (tmp_path / NAME).write_text(text)
    found = await refusal(tmp_path)
    assert (found.code, str(tmp_path / NAME) in found.message) == ("secret-key-invalid", True)
    assert "canary" not in f"{found.message} {found.hint}"


async def test_a_link_or_a_folder_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text(new_secret_key())
    (tmp_path / NAME).symlink_to(tmp_path / "elsewhere")
    assert (await refusal(tmp_path)).code == "secret-key-file"
    (tmp_path / NAME).unlink()
    (tmp_path / NAME).mkdir(0o700)
    assert (await refusal(tmp_path)).code == "secret-key-file"


async def test_a_stopped_house_gets_another_key_and_all_is_wrapped_with_it(tmp_path: Path) -> None:
    sealed, old = await sealed_by(tmp_path), key_in(tmp_path)
    assert rotating.rotate(tmp_path, forget_lost=False) == 2
    assert key_in(tmp_path) != old
    assert stat.S_IMODE((tmp_path / NAME).stat().st_mode) == 0o600
    assert not (tmp_path / NEXT).exists()
    assert await opened_by(tmp_path, sealed) == "canary"
    (tmp_path / NAME).write_text(old)
    assert (await refusal(tmp_path)).code == "secret-key-wrong"


async def test_the_key_of_a_house_that_runs_is_not_replaced(tmp_path: Path) -> None:
    await sealed_by(tmp_path)
    key = key_in(tmp_path)
    async with AsyncExitStack() as stack:
        await open_rooms(tmp_path, stack)
        for work in (rotating.rotate, rotating.rewrap):
            with pytest.raises(Failure) as found:
                work(tmp_path, forget_lost=False)
            assert (found.value.code, str(os.getpid()) in found.value.message) == ("house-runs", True)
    assert [key_in(tmp_path), (tmp_path / NEXT).exists()] == [key, False]


KILLED = """
import os, signal, sys
from pathlib import Path
from ownstack import keyfile, rotating
from ownstack_vault import secrets

def dies(before, module, name):
    genuine = getattr(module, name)
    def dying(*given, **named):
        if before:
            os.kill(os.getpid(), signal.SIGKILL)
        genuine(*given, **named)
        os.kill(os.getpid(), signal.SIGKILL)
    setattr(module, name, dying)

data, when = Path(sys.argv[1]), sys.argv[2]
before, what = when.split(" ")
dies(before == "before", *{
    "write": (keyfile.KeyFiles, "write"),
    "rename": (keyfile.os, "fsync"),
    "row": (secrets.keys, "rewrap"),
    "rewrap": (secrets.Secrets, "rewrap"),
    "end": (keyfile.KeyFiles, "end_rotation"),
}[what])
rotating.rotate(data, forget_lost=False)
"""


@pytest.mark.parametrize(
    "moment",
    [
        "before write",
        "after rename",
        "after write",
        "before row",
        "after row",
        "after rewrap",
        "before end",
        "after end",
    ],
)
async def test_killed_at_any_moment_it_leaves_a_house_that_starts_and_the_next_time_ends_it(
    tmp_path: Path, moment: str
) -> None:
    sealed, old = await sealed_by(tmp_path), key_in(tmp_path)
    killed = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path), moment], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert await opened_by(tmp_path, sealed) == "canary"
    newer = await sealed_by(tmp_path, SLOT._replace(app_id="blog.9"))
    begun = key_in(tmp_path, NEXT) if (tmp_path / NEXT).exists() else None
    rotating.rotate(tmp_path, forget_lost=False)
    assert begun in (None, key_in(tmp_path))
    assert not (tmp_path / NEXT).exists()
    url = f"sqlite:///{tmp_path / FILE}"
    vault = open_vault(url, None, SecretKeys.parse(key_in(tmp_path)))  # nothing is left that only the old one opens
    blog = SLOT._replace(app_id="blog.9")
    assert vault.secrets.unseal({SLOT: sealed, blog: newer}) == {SLOT: "canary", blog: "canary"}
    vault.close()
    assert key_in(tmp_path) != old


async def test_a_lost_key_is_replaced_and_what_it_sealed_is_gone(tmp_path: Path) -> None:
    sealed = await sealed_by(tmp_path)
    (tmp_path / NAME).unlink()
    with pytest.raises(Failure) as found:
        rotating.rotate(tmp_path, forget_lost=False)
    assert found.value.code == "secret-key-missing"
    assert rotating.rotate(tmp_path, forget_lost=True) == 0
    with pytest.raises(SecretUnreadable) as gone:
        await opened_by(tmp_path, sealed)
    assert gone.value.code == "config-key-missing"
    assert await opened_by(tmp_path, await sealed_by(tmp_path)) == "canary"


async def test_a_key_of_the_environment_is_replaced_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = new_secret_key(), new_secret_key()
    monkeypatch.setenv("OWNSTACK_SECRET_KEY", old)
    sealed = await sealed_by(tmp_path)
    with pytest.raises(Failure) as found:
        rotating.rotate(tmp_path, forget_lost=False)
    assert found.value.code == "secret-key-given"
    monkeypatch.setenv("OWNSTACK_SECRET_KEY", new)
    with pytest.raises(Failure) as found:
        rotating.rewrap(tmp_path, forget_lost=False)
    assert found.value.code == "secret-key-wrong"
    monkeypatch.setenv("OWNSTACK_SECRET_KEY_OLD", old)
    assert [rotating.rewrap(tmp_path, forget_lost=False) for _ in range(2)] == [2, 0]
    monkeypatch.delenv("OWNSTACK_SECRET_KEY_OLD")
    assert await opened_by(tmp_path, sealed) == "canary"


def test_where_there_is_no_house_nothing_is_made(tmp_path: Path) -> None:
    with pytest.raises(Failure) as found:
        rotating.rotate(tmp_path, forget_lost=False)
    assert found.value.code == "no-house"
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_is_full_leaves_no_key_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(keyfile.os, "fsync", full)
    with pytest.raises(Failure, match="No space left") as found:
        keyfile.KeyFiles(tmp_path).write(NAME, new_secret_key())
    assert found.value.code == "secret-key-file"
    assert list(tmp_path.iterdir()) == []


def test_the_commands_say_what_they_did(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["secret", "new"]) == 0
    first = capsys.readouterr().out.strip()
    assert SecretKeys.parse(first)
    assert main(["secret", "new", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["secret_key"] != first
    open_vault(f"sqlite:///{tmp_path / FILE}").close()
    (tmp_path / NAME).touch(0o600)
    (tmp_path / NAME).write_text(first)
    assert main(["secret", "rotate", "--data", str(tmp_path)]) == 0
    said = capsys.readouterr()
    assert "0 keys are wrapped with it" in said.out
    assert key_in(tmp_path) not in said.out + said.err
    assert main(["secret", "rewrap", "--data", str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"rewrapped": 0}


def test_services_without_a_key_or_a_database_are_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["secret", "rewrap"]) == 2
    assert "OWNSTACK_DATABASE" in capsys.readouterr().err
    monkeypatch.setenv("OWNSTACK_DATABASE", "postgresql://nobody@127.0.0.1:1/none")
    assert main(["secret", "rewrap"]) == 2
    assert "ownstack secret new" in capsys.readouterr().err
