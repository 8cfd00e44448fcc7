"""The program in docs/howto/program-driver.md does what that page says."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from tests.integration.deployer.programs import IMAGE, Kept, Stage, job

from ownstack_contracts.jobs import Live
from ownstack_deployer.clock import now
from ownstack_deployer.drivers.port import PhaseFailed, Place

PAGE = Path(__file__).parents[3] / "docs" / "howto" / "program-driver.md"

DOCKER = """#!/bin/sh
# A docker with containers that are files.
echo "docker $*" >> $HERE/calls
case "$1" in
run)
    env -0 > $HERE/environment
    while [ "$1" != --name ]; do [ $# -gt 1 ] || exit 0; shift; done; echo $2; touch $HERE/containers/$2 ;;
inspect) test -f $HERE/containers/$2 ;;
port) echo 127.0.0.1:49000 ;;
ps) ls $HERE/containers ;;
rm) shift 2; cd $HERE/containers && rm -f "$@" ;;
esac
"""


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """The program of the page, beside a docker, an nginx and a curl that only pretend."""
    stage = Stage(tmp_path)
    (tmp_path / "containers").mkdir()
    (tmp_path / "bin").mkdir()
    for name, script in {
        "docker": DOCKER,
        "nginx": '#!/bin/sh\necho "nginx $*" >> $HERE/calls',
        "curl": "#!/bin/sh\ntest ! -f $HERE/ill",
        "sleep": "#!/bin/sh",
    }.items():
        (tmp_path / "bin" / name).write_text(script.replace("$HERE", str(tmp_path)))
        (tmp_path / "bin" / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    (program,) = re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL)
    stage.folder.program.write_text(program)
    stage.folder.program.chmod(0o755)
    return stage


async def look(stage: Stage) -> Live | None:
    async with stage.driver.hold(job(stage.folder.program)) as place:
        return await place.look(Kept(), now() + 60)


def containers(stage: Stage) -> list[str]:
    return sorted(entry.name for entry in (stage.folder.path / "containers").iterdir())


async def test_it_deploys_and_says_what_is_live(stage: Stage) -> None:
    assert await look(stage) is None
    async with stage.driver.hold(job(stage.folder.program)) as place:
        await place.release_task(stage.log)
        await place.restart(stage.log)
        await place.post_deploy(stage.log)
    assert await look(stage) == Live(
        image=IMAGE, generation=4, deployment="r1.eu-1", release=7, team="acme", app_id="shop.1"
    )
    calls = stage.folder.text("calls")
    assert f"docker run --rm {IMAGE} ./release" in calls
    assert "docker exec acme.shop.4 ./post-deploy" in calls
    assert "server 127.0.0.1:49000" in stage.folder.text("upstreams/acme.shop.conf")


async def test_the_old_version_goes_when_the_new_one_serves(stage: Stage) -> None:
    await stage.restart()
    await stage.restart(generation=5)
    assert containers(stage) == ["acme.shop.5"]


async def test_the_old_version_goes_on_serving_when_the_new_one_is_ill(stage: Stage) -> None:
    await stage.restart()
    served = await look(stage)
    (stage.folder.path / "ill").touch()
    with pytest.raises(PhaseFailed) as failed:
        await stage.restart(generation=5)
    assert failed.value.code == "exit-10"
    assert containers(stage) == ["acme.shop.4"]
    assert await look(stage) == served


async def test_it_may_be_run_again(stage: Stage) -> None:
    await stage.restart()
    await stage.restart()
    assert containers(stage) == ["acme.shop.4"]
    assert stage.folder.text("calls").count("docker run") == 1


async def test_its_containers_have_the_config_and_no_process_shows_it(stage: Stage) -> None:
    config = {"GREETING": "it's\n“warm” $HOME `id`", "EMPTY": "", "name": "x y", "new": "ab", "LD_PRELOAD": "/evil.so"}
    async with stage.driver.hold(job(stage.folder.program, plain=config)) as place:
        await place.release_task(stage.log)
        assert passed_on(stage, "EMPTY", "GREETING", "name", "new") == {
            name: value for name, value in config.items() if name != "LD_PRELOAD"
        }
        (stage.folder.path / "environment").unlink()
        await place.restart(stage.log)
    assert passed_on(stage, "GREETING", "LD_PRELOAD") == {"GREETING": config["GREETING"]}
    run = [line for line in stage.folder.text("calls").split("\n") if line.startswith("docker run")]
    assert [line.count("--env") for line in run] == [4, 4]
    assert not any(value and value in stage.folder.text("calls") for value in config.values() if len(value) > 3)
    assert "config: LD_PRELOAD is left out, as it would rule docker, or this script" in stage.log.lines


def passed_on(stage: Stage, *names: str) -> dict[str, str]:
    """Those that docker got in its environment, of which it takes what it is told by `--env`."""
    items = stage.folder.text("environment").split("\0")[:-1]
    return {name: value for name, _, value in (item.partition("=") for item in items) if name in names}


async def test_it_removes_what_it_deployed_and_nothing_is_no_error(stage: Stage) -> None:
    def remove(place: Place) -> object:
        return place.remove(stage.log)

    await stage.restart()
    await stage.with_place(remove)
    await stage.with_place(remove)
    assert await look(stage) is None
    assert containers(stage) == []
