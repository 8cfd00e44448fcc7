"""`ownstack up`: its first start, its end in good order, its next start, and what stands in its way."""

from __future__ import annotations

import json
import signal
import stat
import subprocess
from pathlib import Path

import pytest
from tests.e2e.house import House, set_up_shop, until

US = ("shop", "us-1")


def test_it_starts_ends_in_good_order_and_starts_again_with_all_there_was(own_house: House) -> None:
    house = own_house
    house.start()
    profiles = house.folder / "ownstack" / "profiles.toml"
    assert oct(stat.S_IMODE(profiles.stat().st_mode)) == "0o600"
    first = profiles.read_text()
    set_up_shop(house, ["us-1"])
    locked = house.mark(US, "locked")
    locked.touch()

    # while a release task is under way, it is told to end: it waits for it, and takes no more commands
    with house.running("deploy", "shop", "--image", house.image("shop", 3), "--id", "long") as deploy:
        assert deploy.stdout is not None
        until(deploy.stdout, "us-1  release task")
        house.signal(signal.SIGTERM)
        assert house.process is not None
        with pytest.raises(subprocess.TimeoutExpired):
            house.process.wait(0.5)
        locked.unlink()
        assert house.wait() == 0
        house.start()
        assert deploy.wait(60) == 0  # it had waited for the house to come back

    assert profiles.read_text() == first
    assert house.answer(US)["version"] == 3
    runs = [line for line in house.journal() if line["event"] == "begin" and line["deployment"] == "long.us-1"]
    runs = [line for line in runs if line["phase"] != "look"]
    assert [line["phase"] for line in runs] == ["release-task", "restart", "post-deploy"]
    house.signal(signal.SIGINT)
    assert house.wait() == 0


def refused(house: House, *options: str) -> dict[str, str]:
    ended = house.typed("up", "--json", "--port", str(house.port), "--data", str(house.data), *options)
    assert (ended.code, ended.out) == (1, "")
    error: dict[str, str] = json.loads(ended.err.splitlines()[-1])["error"]
    return error


def test_a_second_one_on_the_same_file_says_who_has_it(house: House) -> None:
    error = refused(house)
    assert house.process is not None
    assert (error["code"], f"pid {house.process.pid}" in error["message"]) == ("bus-in-use", True)


def test_a_port_that_is_taken_is_said(house: House, tmp_path: Path) -> None:
    error = refused(house, "--data", str(tmp_path / "other"))
    assert (error["code"], str(house.port) in error["message"], "--port" in error["hint"]) == ("port-taken", True, True)


def test_a_folder_that_can_not_be_made_is_said(own_house: House) -> None:
    own_house.data.touch()
    assert refused(own_house)["code"] == "data-folder"


def test_a_file_that_is_no_database_is_said_and_left_as_it_is(own_house: House) -> None:
    own_house.data.mkdir()
    (own_house.data / "ownstack.db").write_bytes(b"no database " * 1_000)
    assert refused(own_house)["code"] == "bus-not-a-database"
    assert (own_house.data / "ownstack.db").read_bytes() == b"no database " * 1_000


def test_an_address_that_is_not_of_this_machine_is_said(own_house: House) -> None:
    assert refused(own_house, "--host", "192.0.2.1")["code"] == "cannot-listen"
