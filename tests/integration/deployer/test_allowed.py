"""Which programs of its machine the deployer runs, when it is told where they lie."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.integration.deployer.programs import Stage

from ownstack_deployer.drivers.port import PhaseFailed
from ownstack_deployer.drivers.program.driver import ProgramDriver
from ownstack_deployer.main import drivers_of
from ownstack_deployer.settings import Settings


@pytest.fixture
def bounded(stage: Stage) -> Stage:
    """A deployer whose programs lie in `programs`; `driver` lies there."""
    folder = stage.folder.path / "programs"
    folder.mkdir()
    stage.driver = ProgramDriver(stage.driver.state, programs_in=folder)
    stage.folder.program = folder / "driver"
    stage.folder.script("echo ran")
    return stage


async def refused(stage: Stage, address: Path) -> None:
    with pytest.raises(PhaseFailed, match="OWNSTACK_DEPLOYER_PROGRAMS_IN") as failed:
        await stage.restart(address=str(address))
    assert failed.value.code == "program-not-allowed"
    assert stage.log.lines == []


async def test_a_program_below_the_folder_is_run(bounded: Stage) -> None:
    assert await bounded.restart() == ["ran"]


async def test_the_folder_may_be_a_link(bounded: Stage) -> None:
    link = bounded.folder.path / "link"
    link.symlink_to(bounded.folder.program.parent)
    bounded.driver = ProgramDriver(bounded.driver.state, programs_in=link)
    assert await bounded.restart() == ["ran"]


async def test_a_program_elsewhere_is_refused_whether_it_is_there_or_not(bounded: Stage) -> None:
    await refused(bounded, Path("/bin/sh"))
    await refused(bounded, Path("/no/such/program"))


async def test_a_folder_whose_name_only_begins_alike_is_another_one(bounded: Stage) -> None:
    other = bounded.folder.path / "programs2"
    other.mkdir()
    (other / "driver").symlink_to("/bin/echo")
    await refused(bounded, other / "driver")


async def test_dots_do_not_lead_out_of_the_folder(bounded: Stage) -> None:
    await refused(bounded, Path(f"{bounded.folder.program.parent}/../../../../../../../../../../bin/sh"))


async def test_a_link_does_not_lead_out_of_the_folder(bounded: Stage) -> None:
    link = bounded.folder.program.parent / "shell"
    link.symlink_to("/bin/sh")
    await refused(bounded, link)


async def test_a_program_that_has_become_a_link_to_elsewhere_since_the_lock_was_taken_is_refused(
    bounded: Stage,
) -> None:
    async def act(place: object) -> None:
        bounded.folder.program.unlink()
        bounded.folder.program.symlink_to("/bin/sh")
        with pytest.raises(PhaseFailed) as failed:
            await place.restart(bounded.log)  # type: ignore[attr-defined]
        assert failed.value.code == "program-not-allowed"

    await bounded.with_place(act)


def test_the_folder_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OWNSTACK_DEPLOYER_PROGRAMS_IN", "/opt/stacks")
    driver = drivers_of(Settings())["program"]
    assert isinstance(driver, ProgramDriver)
    assert driver.programs_in == Path("/opt/stacks")


@pytest.mark.parametrize("folder", ["", "stacks"])
def test_a_folder_that_bounds_nothing_for_certain_is_refused(monkeypatch: pytest.MonkeyPatch, folder: str) -> None:
    monkeypatch.setenv("OWNSTACK_DEPLOYER_PROGRAMS_IN", folder)
    with pytest.raises(ValueError, match="absolute path"):
        Settings()
