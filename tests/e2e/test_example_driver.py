"""The examples' driver, run by hand: what a stack's program is asked to do, without anyone who asks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from ownstack.demo import examples

DRIVER = examples() / "driver"


@dataclass
class Stack:
    """A stack in a folder, driven by hand. config: what the app is told there."""

    root: Path
    config: dict[str, str] = field(default_factory=dict)

    def image(self, app: str, version: int, sources: Path | None = None) -> str:
        source = (sources or examples()) / app
        build = [sys.executable, str(DRIVER / "images.py"), "build", str(source), str(version)]
        done = subprocess.run([*build, str(self.root / "images")], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    def run(
        self, phase: str, image: str = "", generation: int = 0, *command: str, stdout: int = subprocess.PIPE
    ) -> Any:
        told = {
            "SETTING_HOME": str(self.root / "home"),
            "SETTING_IMAGES": str(self.root / "images"),
            "SETTING_PYTHON": sys.executable,
            "TEAM": "t",
            "APP": "shop",
            "APP_ID": "shop.1",
            "STACK": "eu-1",
            "IMAGE": image,
            "IMAGE_DIGEST": image.partition("@")[2],
            "RELEASE": str(generation),
            "DEPLOYMENT": f"d{generation}",
            "ATTEMPT": "1",
            "GENERATION": str(generation),
            "CONFIG": " ".join(self.config),
            **{f"CONFIG_{name}": value for name, value in self.config.items()},
        }
        environment = {"PATH": os.environ["PATH"], **{f"OWNSTACK_{name}": value for name, value in told.items()}}
        line = [str(DRIVER / "program"), phase, *command]
        return subprocess.run(line, stdout=stdout, stderr=subprocess.PIPE, text=True, env=environment, check=False)

    @property
    def place(self) -> Path:
        return self.root / "home" / "eu-1" / "t.shop"

    @property
    def url(self) -> str:
        return str(json.loads((self.place / "live.json").read_text())["url"])

    def deploy(self, version: int, generation: int) -> None:
        image = self.image("shop", version)
        assert self.run("release-task", image, generation).returncode == 0
        done = self.run("restart", image, generation)
        assert done.returncode == 0, done


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    yield Stack(tmp_path)
    subprocess.run([sys.executable, str(DRIVER / "clean.py"), str(tmp_path / "home")], check=True)


def test_an_app_serves_with_its_config(stack: Stack) -> None:
    stack.deploy(1, 1)
    assert "greeting" not in httpx.get(stack.url).json()
    stack.config = {"GREETING": "it's\n“warm” here", "APP": "another", "LISTEN_FD": "0"}
    stack.deploy(1, 2)
    served = httpx.get(stack.url).json()
    assert (served["greeting"], served["app"]) == ("it's\n“warm” here", "shop")
    assert stack.run("run", "", 0, "printenv", "GREETING").stdout == "it's\n“warm” here\n"


def test_scripts_of_an_app_have_its_config(stack: Stack, tmp_path: Path) -> None:
    (tmp_path / "probe").mkdir()
    for script in ("release.py", "postdeploy.py"):
        (tmp_path / "probe" / script).write_text("import os\nprint(os.environ['GREETING'], os.environ['STACK'])\n")
    image = stack.image("probe", 1, tmp_path)
    stack.config = {"GREETING": "hello", "STACK": "another"}
    assert stack.run("release-task", image, 1).stdout == stack.run("post-deploy", image, 1).stdout == "hello eu-1\n"


def test_the_same_files_have_the_same_digest_and_others_another(stack: Stack) -> None:
    first, again, other = (stack.image("shop", version) for version in (1, 1, 3))
    assert first == again != other


def test_nothing_is_live_at_first_and_then_what_was_deployed(stack: Stack) -> None:
    assert stack.run("look").stdout == ""
    stack.deploy(1, 4)
    live = {"image": stack.image("shop", 1), "generation": 4, "deployment": "d4", "release": 4}
    assert json.loads(stack.run("look").stdout) == {**live, "team": "t", "app_id": "shop.1"}


def test_visitors_notice_nothing_of_a_deployment_but_the_new_version(stack: Stack) -> None:
    stack.deploy(1, 1)
    url, answers, stop = stack.url, [], threading.Event()

    def visit() -> None:
        while not stop.is_set():
            answers.append(httpx.get(url, timeout=10, trust_env=False).json()["version"])

    visitor = threading.Thread(target=visit)
    visitor.start()
    stack.deploy(3, 2)
    stop.set()
    visitor.join()
    assert stack.url == url
    assert (set(answers), answers == sorted(answers)) == ({1, 3}, True)


def test_a_server_that_never_gets_healthy_leaves_the_old_one_serving(stack: Stack) -> None:
    stack.deploy(1, 1)
    broken = stack.root / "images" / ("sha256-" + "b" * 64)
    broken.mkdir()
    (broken / "server.py").write_text("raise SystemExit(1)")
    done = stack.run("restart", "shop@sha256:" + "b" * 64, 2)
    assert (done.returncode, "The old one stays." in done.stdout) == (1, True)
    assert httpx.get(stack.url, trust_env=False).json()["version"] == 1
    assert json.loads(stack.run("look").stdout)["generation"] == 1


def test_a_release_task_fails_while_the_database_is_read_only(stack: Stack) -> None:
    stack.deploy(1, 1)
    (stack.place / "data" / "read-only").touch()
    done = stack.run("release-task", stack.image("shop", 3), 2)
    assert (done.returncode, "3-orders-paid-at: the database is read-only" in done.stdout) == (1, True)


def test_an_older_request_never_overwrites_a_newer_release(stack: Stack) -> None:
    stack.deploy(3, 7)
    assert stack.run("restart", stack.image("shop", 1), 6).returncode == 1
    assert httpx.get(stack.url, trust_env=False).json()["version"] == 3


def test_a_removed_app_leaves_no_server_and_no_way_back_for_old_requests(stack: Stack) -> None:
    stack.deploy(1, 1)
    url = stack.url
    assert [stack.run("remove", "", 2).returncode for _ in range(2)] == [0, 0]
    with pytest.raises(httpx.ConnectError):
        httpx.get(url, trust_env=False)
    assert stack.run("look").stdout == ""
    assert stack.run("restart", stack.image("shop", 1), 1).returncode == 1


def test_a_server_that_is_gone_is_not_said_to_be_live(stack: Stack) -> None:
    stack.deploy(1, 1)
    subprocess.run([sys.executable, str(DRIVER / "clean.py"), str(stack.root / "home")], check=True)
    looked = stack.run("look")
    assert (looked.returncode, looked.stdout, "has ended" in looked.stderr) == (0, "", True)
    stack.deploy(1, 2)
    assert json.loads(stack.run("look").stdout)["generation"] == 2


def test_the_work_goes_on_when_nobody_reads_the_output_any_more(stack: Stack) -> None:
    read, write = os.pipe()
    os.close(read)
    image = stack.image("shop", 1)
    assert stack.run("release-task", image, 1, stdout=write).returncode == 0
    assert stack.run("restart", image, 1, stdout=write).returncode == 0
    os.close(write)
    assert httpx.get(stack.url, trust_env=False).json()["version"] == 1


def test_a_command_runs_in_the_image_that_is_live_and_ends_as_it_ends(stack: Stack) -> None:
    nothing = stack.run("run", "", 0, "true")
    assert (nothing.returncode, "deploy it first" in nothing.stdout) == (1, True)
    stack.deploy(1, 1)
    script = "import os, sys; print(os.environ['RELEASE'], sorted(os.listdir('.'))); sys.exit(7)"
    done = stack.run("run", "", 0, sys.executable, "-c", script)
    assert (done.returncode, "server.py" in done.stdout, done.stdout[:2]) == (7, True, "1 ")
    assert stack.run("run", "", 0, "no-such-program").returncode == 1


def test_an_image_that_was_not_built_is_refused(stack: Stack) -> None:
    done = stack.run("restart", "shop@sha256:" + "0" * 64, 1)
    assert (done.returncode, "build it first" in done.stdout) == (1, True)


@pytest.mark.parametrize("arguments", [[], ["nope"], ["look", "look"]])
def test_what_is_no_phase_is_a_usage_error(arguments: list[str]) -> None:
    done = subprocess.run([sys.executable, str(DRIVER / "phases.py"), *arguments], capture_output=True, check=False)
    assert done.returncode == 2
