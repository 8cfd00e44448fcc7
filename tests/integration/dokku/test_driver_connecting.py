"""How the dokku driver connects, and what it says when it can't; and its check of a stack, which says the same."""

from __future__ import annotations

import asyncio
import logging
import subprocess
from pathlib import Path

import pytest
from tests.integration.dokku.driving import APP, Stand, key_of, until
from tests.real.dokku.proxy import Proxy
from tests.real.dokku.server import DokkuServer
from tests.real.sshd import fingerprint, new_key

from ownstack_contracts.jobs import Live
from ownstack_deployer.clock import now
from ownstack_deployer.drivers.dokku.connecting import Patience
from ownstack_deployer.drivers.dokku.driver import DokkuDriver
from ownstack_deployer.drivers.dokku.keys import OurKey, public_line
from ownstack_deployer.drivers.port import Checked, PhaseFailed
from ownstack_deployer.main import drivers_of
from ownstack_deployer.settings import Settings


async def refused(stand: Stand) -> PhaseFailed:
    """How a job fails, and a check says the same."""
    with pytest.raises(PhaseFailed) as failed:
        await stand.looks()
    checked = await stand.driver.check(stand.checking(), now() + 10)
    assert (checked.code, checked.message) == (failed.value.code, failed.value.message)
    return failed.value


async def test_a_check_finds_a_server_that_can_be_used(stand: Stand) -> None:
    ours = stand.driver.ours.public_line()
    shown = key_of(stand.server.sshd.host_key)
    assert await stand.driver.check(stand.checking(), now() + 10) == Checked(
        None, "", shown, stand.server.sshd.fingerprint, ours
    )
    assert stand.server.commands() == ["version"]


async def test_a_host_key_that_nobody_has_confirmed_is_named(stand: Stand) -> None:
    stand.settings = {}
    failure = await refused(stand)
    assert failure.code == "host-key-unconfirmed"
    assert stand.server.sshd.fingerprint in failure.message
    assert "ownstack stack check eu-1" in failure.message

    checked = await stand.driver.check(stand.checking(), now() + 10)
    assert checked.host_key == key_of(stand.server.sshd.host_key)
    assert checked.fingerprint == stand.server.sshd.fingerprint
    assert checked.public_key == stand.driver.ours.public_line()
    assert stand.server.commands() == []


async def test_a_fingerprint_will_do(stand: Stand) -> None:
    stand.settings = {"host_key": stand.server.sshd.fingerprint}
    assert await stand.looks() is None


@pytest.mark.parametrize("form", ["line", "fingerprint"])
async def test_another_host_key_is_not_trusted(stand: Stand, tmp_path: Path, form: str) -> None:
    other = new_key(tmp_path / "other")
    stand.settings = {"host_key": other if form == "line" else fingerprint(other)}
    failure = await refused(stand)
    assert failure.code == "host-key-changed"
    assert stand.server.sshd.fingerprint in failure.message
    assert fingerprint(other) in failure.message
    assert f"ownstack stack set eu-1 --host-key {stand.server.sshd.fingerprint}" in failure.message
    assert stand.server.commands() == []


async def test_a_host_key_of_another_kind_is_not_trusted(stand: Stand, tmp_path: Path) -> None:
    stand.settings = {"host_key": new_key(tmp_path / "other", "rsa")}
    assert (await refused(stand)).code == "host-key-changed"


async def test_a_server_that_was_set_up_anew_is_noticed(stand: Stand) -> None:
    assert await stand.looks() is None
    stand.server.restart(new_host_key=True)
    assert (await refused(stand)).code == "host-key-changed"


@pytest.mark.parametrize("kind", [0, 1, 2])
@pytest.mark.parametrize("form", ["line", "fingerprint"])
async def test_any_of_a_servers_keys_will_do(tmp_path: Path, kind: int, form: str) -> None:
    server = DokkuServer(tmp_path / "server", kinds=("rsa", "ecdsa", "ed25519"))
    server.start()
    try:
        key = server.sshd.host_keys[kind]
        stand = Stand(server, tmp_path, settings={"host_key": key if form == "line" else fingerprint(key)})
        checked = await stand.driver.check(stand.checking(), now() + 10)
        assert (checked.code, checked.host_key) == (None, key_of(key))
    finally:
        server.stop()


async def test_a_key_that_is_not_let_in_is_told_with_what_to_do(stand: Stand) -> None:
    stand.server.sshd.unauthorize()
    failure = await refused(stand)
    ours = stand.driver.ours.public_line()
    assert failure.code == "key-refused"
    assert "the deployer d1" in failure.message
    assert f'echo "{ours}" | sudo dokku ssh-keys:add ownstack-d1' in failure.message
    assert ours.startswith("ssh-ed25519 ")


async def test_a_server_that_is_down_is_unreachable(stand: Stand) -> None:
    stand.server.stop()
    failure = await refused(stand)
    assert failure.code == "unreachable"
    assert "refused" in failure.message.lower()


async def test_a_name_that_is_none_is_unreachable(stand: Stand) -> None:
    checked = await stand.driver.check(stand.checking(address="dokku@no-such-host.invalid:22"), now() + 10)
    assert checked.code == "unreachable"
    assert checked.public_key == stand.driver.ours.public_line()


async def test_a_server_that_does_not_answer_is_unreachable(stand: Stand) -> None:
    async with Proxy(stand.server.host, stand.server.port) as proxy:
        proxy.freeze()
        stand.port = proxy.port
        stand.driver = stand.new_driver(patience=Patience(connect=0.3))
        failure = await refused(stand)
        proxy.thaw()
    assert failure.code == "unreachable"
    assert "0.3 s" in failure.message


async def test_a_check_ends_in_time(stand: Stand) -> None:
    async with Proxy(stand.server.host, stand.server.port) as proxy:
        proxy.freeze()
        stand.port = proxy.port
        assert (await stand.driver.check(stand.checking(), now() + 0.2)).code == "unreachable"
        proxy.thaw()


async def test_a_server_that_does_not_speak_ssh_is_told(stand: Stand) -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail\r\n" * 2_000)
        await reader.read(1)
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    stand.port = server.sockets[0].getsockname()[1]
    failure = await refused(stand)
    server.close()
    assert failure.code == "ssh-failed"


async def test_a_server_without_dokku_is_told(stand: Stand) -> None:
    stand.server.sshd.command = ["sh", "-c", "echo hello; exit 1"]
    stand.server.restart()
    checked = await stand.driver.check(stand.checking(), now() + 10)
    assert checked.code == "not-dokku"
    assert "hello" in checked.message
    assert checked.public_key == stand.driver.ours.public_line()


@pytest.mark.parametrize("address", ["eu-1", "dokku@eu-1", "root@eu 1:22", "-o@x:22"])
async def test_an_address_that_cannot_be_read_is_told(stand: Stand, address: str) -> None:
    request = stand.looking(address=address)
    assert stand.driver.slots(request) is None
    with pytest.raises(PhaseFailed) as failed:
        async with stand.place(request):
            raise AssertionError
    assert failed.value.code == "address-unreadable"


async def test_a_host_key_that_is_none_is_told(stand: Stand) -> None:
    stand.settings = {"host_key": "AAAA"}
    assert (await refused(stand)).code == "host-key-unreadable"


async def test_the_slots_are_those_of_the_server(stand: Stand) -> None:
    driver = stand.new_driver(jobs=2)
    first = driver.slots(stand.looking())
    assert first is not None
    async with first, first:
        assert driver.slots(stand.deploy("v1")) is first
        assert first.locked()
        other = driver.slots(stand.looking(address="dokku@elsewhere:22"))
        assert other is not None
        assert not other.locked()
        beside = driver.slots(stand.command("true"))
        assert beside is not None
        async with beside, beside:
            assert beside.locked()
            assert driver.slots(stand.command("false")) is beside
    assert not first.locked()


async def test_what_the_machine_has_set_up_for_ssh_does_not_count(
    stand: Stand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "config").write_text("Host *\n  Port 1\n  User nobody\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SSH_AUTH_SOCK", "/no/such/agent")
    assert await stand.looks() is None


# our key


def test_the_key_is_made_once_and_only_we_can_read_it(tmp_path: Path) -> None:
    ours = OurKey(tmp_path / "state" / "ssh_key", "ownstack-d1")
    line = ours.public_line()
    assert OurKey(ours.file, "ownstack-d1").public_line() == line
    assert ours.file.stat().st_mode & 0o777 == 0o600
    assert ours.file.parent.stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "state" / "ssh_key.pub").read_text() == f"{line}\n"
    assert sorted(path.name for path in ours.file.parent.iterdir()) == ["ssh_key", "ssh_key.pub"]
    assert fingerprint(line) == fingerprint(
        subprocess.run(["ssh-keygen", "-y", "-f", str(ours.file)], check=True, capture_output=True, text=True).stdout
    )


def test_the_key_is_that_of_the_settings(tmp_path: Path) -> None:
    made = public_line(Settings(name="eu_1.example.com", state=tmp_path / "state"))
    assert made.split()[2] == "ownstack-eu-1-example-com"
    assert key_of(made) == key_of((tmp_path / "state" / "ssh_key.pub").read_text())

    given = new_key(tmp_path / "given")
    assert key_of(public_line(Settings(name="d1", state=tmp_path / "other", ssh_key=tmp_path / "given"))) == key_of(
        given
    )
    assert not (tmp_path / "other").exists()


def test_the_deployer_has_the_driver_with_the_bound_that_is_set(tmp_path: Path) -> None:
    driver = drivers_of(Settings(name="d1", state=tmp_path, dokku_jobs=7))["dokku"]
    assert isinstance(driver, DokkuDriver)
    assert (driver.jobs, driver.ours.file, driver.times.settle) == (7, tmp_path / "ssh_key", 20.0)
    assert list(tmp_path.iterdir()) == []  # a key is made when it is needed


async def test_nothing_of_what_is_done_over_ssh_is_logged(stand: Stand, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        assert (await stand.attempts(stand.deploy("v1"))).code == "live"
    assert [record for record in caplog.records if record.name.startswith("asyncssh")] == []


async def test_deployers_that_start_at_once_agree_on_the_key(tmp_path: Path) -> None:
    keys = [OurKey(tmp_path / "state" / "ssh_key", "ownstack-d1") for _ in range(8)]
    lines = await asyncio.gather(*(asyncio.to_thread(key.public_line) for key in keys))
    assert len(set(lines)) == 1


@pytest.mark.parametrize("given", [True, False])
def test_a_key_that_others_can_read_is_refused(tmp_path: Path, given: bool) -> None:
    new_key(tmp_path / "key")
    (tmp_path / "key").chmod(0o640)
    with pytest.raises(PhaseFailed, match="chmod 600") as failed:
        OurKey(tmp_path / "key", "ownstack-d1", given=given).public_line()
    assert failed.value.code == "ssh-key-unusable"


@pytest.mark.parametrize("kind", ["rsa", "ecdsa", "ed25519"])
def test_a_given_key_is_used(tmp_path: Path, kind: str) -> None:
    line = new_key(tmp_path / "key", kind)
    assert key_of(OurKey(tmp_path / "key", "ownstack-d1", given=True).public_line()) == key_of(line)


def test_a_given_key_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(PhaseFailed, match="No such file") as failed:
        OurKey(tmp_path / "key", "ownstack-d1", given=True).public_line()
    assert failed.value.code == "ssh-key-unusable"
    assert not (tmp_path / "key").exists()


async def test_a_key_with_a_passphrase_or_that_is_none_is_told_in_a_check(stand: Stand, tmp_path: Path) -> None:
    new_key(tmp_path / "locked", passphrase="secret")
    (tmp_path / "nonsense").write_text("nonsense")
    (tmp_path / "nonsense").chmod(0o600)
    for name in ("locked", "nonsense"):
        stand.driver.ours = OurKey(tmp_path / name, "ownstack-d1", given=True)
        checked = await stand.driver.check(stand.checking(), now() + 10)
        assert (checked.code, checked.public_key) == ("ssh-key-unusable", None)
        assert str(tmp_path / name) in checked.message


# a network that fails while nothing is changed


async def test_a_look_whose_connection_breaks_fails_and_the_next_connects_anew(stand: Stand) -> None:
    stand.server.deploy_by_hand(APP, "v1")
    async with Proxy(stand.server.host, stand.server.port) as proxy:
        stand.port = proxy.port
        async with stand.place(stand.looking()) as place:
            live = Live(image=stand.server.image("v1"))
            assert await place.look(stand.log, now() + 10) == live
            await proxy.drop()
            await until(lambda: not proxy.connections)
            assert await place.look(stand.log, now() + 10) == live
            proxy.freeze()
            looking = asyncio.create_task(place.look(stand.log, now() + 10))
            with pytest.raises(PhaseFailed) as failed:
                await looking
            assert failed.value.code == "connection-lost"
            proxy.thaw()
            assert await place.look(stand.log, now() + 10) == live


async def test_a_look_ends_in_time(stand: Stand) -> None:
    async with Proxy(stand.server.host, stand.server.port) as proxy:
        stand.port = proxy.port
        async with stand.place(stand.looking()) as place:
            await place.look(stand.log, now() + 10)
            proxy.freeze()
            with pytest.raises(PhaseFailed) as failed:
                await place.look(stand.log, now() + 0.1)
            assert failed.value.code == "running-deadline"
            proxy.thaw()
