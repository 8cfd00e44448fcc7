"""The GitHub Action that is shipped as an example: its scripts, as a runner of GitHub runs them, with the real CLI."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.unit.cli.fake import Answer, Fake, admitted, ok, page, problem
from tests.unit.cli.test_clones import cloned, looked_at
from tests.unit.cli.test_commands import APP, rollout

FILE = Path(__file__).resolve().parents[3] / "examples" / "github-actions" / "review-app.yml"
SHA = "1f0c9ab" + "0" * 33
NAME = "shop-pr-7"
ENVIRONMENT = {
    "PRODUCTION": "shop",
    "STACK": "review-stack",
    "APP": NAME,
    "IMAGE": f"ghcr.io/Org/app:pr-7-{SHA}",
}
UNKNOWN = problem(404, "app-unknown", f"There is no app '{NAME}'.")


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Where `ownstack` is found first."""
    script = tmp_path / "bin" / "ownstack"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -m ownstack.main "$@"\n')
    script.chmod(0o755)
    return f"{script.parent}:{os.environ['PATH']}"


def workflow() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(FILE.read_text())
    return found


def run(job: str, path: str) -> subprocess.CompletedProcess[str]:
    """The last step of a job: the runner's shell ends it at the first command that fails."""
    script = workflow()["jobs"][job]["steps"][-1]["run"]
    shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
    environment = {**os.environ, **ENVIRONMENT, "PATH": path}
    return subprocess.run(shell, env=environment, capture_output=True, text=True, check=False, timeout=60)


def said(fake: Fake) -> list[tuple[str, str]]:
    """What was asked for that changes something."""
    return [(a.method, a.path.removeprefix("/api/v1")) for a in fake.asked if a.method != "GET"]


def deployed(fake: Fake, status: str = "succeeded") -> None:
    fake.on("POST", f"/apps/{NAME}/deployments", admitted("DeployRequested", 20, "c1"))
    fake.on("GET", "/rollouts/c1", ok(rollout(status, kind="deploy", source=None)))


def test_what_the_scripts_are_told_is_what_the_workflow_tells_them() -> None:
    assert set(workflow()["env"]) == set(ENVIRONMENT)


def test_a_pull_request_that_is_opened_gets_a_clone_with_its_image(fake: Fake, path: str) -> None:
    looked_at(fake, cloned())
    fake.on("GET", f"/apps/{NAME}", UNKNOWN)
    deployed(fake)
    ended = run("open", path)
    assert ended.returncode == 0, ended
    assert said(fake) == [("POST", "/apps/shop/clones"), ("POST", f"/apps/{NAME}/deployments")]
    clone, deploy = (asked.body for asked in fake.asked if asked.method == "POST")
    assert (clone["name"], clone["stack"]) == (NAME, "review-stack")
    assert deploy["image"] == f"ghcr.io/org/app:pr-7-{SHA}"


def test_one_that_is_pushed_to_gets_its_new_image(fake: Fake, path: str) -> None:
    fake.on("GET", f"/apps/{NAME}", ok({**APP, "name": NAME}))
    deployed(fake)
    assert run("open", path).returncode == 0
    assert said(fake) == [("POST", f"/apps/{NAME}/deployments")]


@pytest.mark.parametrize("answer", [problem(401, "token-unknown", "This token is not known."), Answer(500, {})])
@pytest.mark.parametrize("job", ["open", "close"])
def test_a_server_that_can_not_be_asked_makes_the_job_fail_and_nothing_is_done(
    fake: Fake, path: str, answer: Answer, job: str
) -> None:
    fake.on("GET", f"/apps/{NAME}", answer)
    fake.on("DELETE", f"/apps/{NAME}", answer)
    ended = run(job, path)
    assert ended.returncode == 4, ended
    assert [method for method, _ in said(fake) if method == "POST"] == []


def test_a_deployment_that_fails_makes_the_job_fail(fake: Fake, path: str) -> None:
    fake.on("GET", f"/apps/{NAME}", ok({**APP, "name": NAME}))
    deployed(fake, "failed")
    assert run("open", path).returncode == 1


def test_one_that_is_closed_loses_its_app(fake: Fake, path: str) -> None:
    fake.on("GET", f"/apps/{NAME}", ok({**APP, "name": NAME}))
    fake.on("DELETE", f"/apps/{NAME}", admitted("AppDestroyed"))
    fake.on("GET", "/history", page())
    assert run("close", path).returncode == 0
    assert said(fake) == [("DELETE", f"/apps/{NAME}")]


def test_one_that_has_none_any_more_is_closed_all_the_same(fake: Fake, path: str) -> None:
    fake.on("GET", f"/apps/{NAME}", UNKNOWN)
    assert (run("close", path).returncode, said(fake)) == (0, [])


def test_pull_requests_from_forks_get_nothing() -> None:
    jobs = workflow()["jobs"]
    ours = "github.event.pull_request.head.repo.full_name == github.repository"
    assert [name for name, job in jobs.items() if ours not in job.get("if", "")] == ["open"]
    assert jobs["open"]["needs"] == "image"
