"""Queries: each asks for what its path says, in the team of the token; another team's things are unknown."""

from __future__ import annotations

import pytest
from tests.unit.api.house import IMAGE, NOW, TEAM, House, problem_of

from ownstack_readmodel.paging import cursor_of
from ownstack_readmodel.views import (
    AppView,
    CommandView,
    DeploymentView,
    PipelineView,
    ReleaseDetailView,
    RolloutView,
    RunView,
    SettingsView,
    StackView,
)

SETTINGS = SettingsView(release_task="each-stack", postdeploy="each-stack", waiting_deadline=60, running_deadline=60)
APP = AppView(
    name="shop",
    id="shop.1",
    created_at=NOW,
    summary="shop — unknown",
    current_release=None,
    stacks=[],
    settings=SETTINGS,
    pipeline=None,
    rollout=None,
    queue=[],
)


def rollout(kind: str) -> RolloutView:
    return RolloutView.model_validate(
        {
            "id": "r-1",
            "kind": kind,
            "app": "shop",
            "app_id": "shop.1",
            "status": "running",
            "release": 1,
            "image": IMAGE,
            "digest": IMAGE[-71:],
            "config_fingerprint": "none",
            "requester": "token:ci",
            "redeploy": False,
            "requested_at": NOW,
            "started_at": NOW,
            "ended_at": None,
            "source": None,
            "source_release": None,
            "rolled_back_to": None,
            "release_tasks": [],
            "behind": None,
            "superseded_by": None,
            "code": None,
            "message": None,
            "stacks": [],
            "postdeploys": [],
        }
    )


DEPLOYMENT = DeploymentView(
    id="r-1.eu-1",
    rollout="r-1",
    kind="deploy",
    app="shop",
    app_id="shop.1",
    stack="eu-1",
    release=1,
    image=IMAGE,
    digest=IMAGE[-71:],
    state="asked",
    attempts=[],
    postdeploys=[],
)
RUN = RunView(
    id="x-1",
    job="x-1#run",
    app="shop",
    stack="eu-1",
    command=["rake", "db:version"],
    status="ended",
    exit_code=0,
    lines=2,
    actor="token:ci",
    requested_at=NOW,
    started_at=NOW,
    ended_at=NOW,
    code=None,
    message=None,
)
RELEASE = ReleaseDetailView(
    app="shop",
    number=3,
    image=IMAGE,
    digest=IMAGE[-71:],
    config_fingerprint="none",
    origin="rollback",
    rollout="r-1",
    source_app=None,
    source_release=None,
    created_at=NOW,
    live_on=["eu-1"],
    deployments=[],
    rolled_back_to=1,
)
THINGS = [
    ("app", "shop", "/apps/shop", APP),
    (
        "stack",
        "eu-1",
        "/stacks/eu-1",
        StackView(name="eu-1", driver="noop", address="", settings={}, added_at=NOW, apps=[]),
    ),
    ("pipeline", "shop", "/pipelines/shop", PipelineView(production="shop", created_at=NOW, stages=[])),
    ("rollout", "r-1", "/rollouts/r-1", rollout("deploy")),
    ("rollout", "r-1", "/promotions/r-1", rollout("promotion")),
    ("deployment", "r-1.eu-1", "/deployments/r-1.eu-1", DEPLOYMENT),
    ("command", "r-1", "/commands/r-1", CommandView(id="r-1", type="X", actor=None, at=NOW, status="admitted")),
]


@pytest.mark.parametrize(("kind", "name", "path", "thing"), THINGS, ids=[path for *_, path, _ in THINGS])
async def test_a_thing_is_shown_to_its_team_and_unknown_to_others(
    house: House, kind: str, name: str, path: str, thing: AppView
) -> None:
    house.readmodel.hold(TEAM, kind, name, thing)

    mine, theirs = await house.client.get(f"/api/v1{path}"), await house.other.get(f"/api/v1{path}")
    nobodys = await house.client.get(f"/api/v1{path}-x")

    assert mine.json() == thing.model_dump()
    expected = path.split("/")[1].removesuffix("s")
    assert problem_of(theirs) == problem_of(nobodys) == (404, f"{expected}-unknown")
    assert theirs.json()["detail"] == f"There is no {expected} {name!r}."


async def test_a_deployments_rollout_is_no_promotion(house: House) -> None:
    house.readmodel.hold(TEAM, "rollout", "r-1", rollout("deploy"))
    assert problem_of(await house.client.get("/api/v1/promotions/r-1")) == (404, "promotion-unknown")


LISTS = [
    ("/apps", ("app", 50, None)),
    ("/apps?limit=200&cursor=next", ("app", 200, "next")),
    ("/stacks?limit=1", ("stack", 1, None)),
    ("/pipelines", ("pipeline", 50, None)),
    ("/apps/shop/releases?limit=7", ("release", 7, None)),
    ("/apps/shop/runs?limit=7&cursor=next", ("run", 7, "next")),
    ("/promotions?status=looking", ("rollout", 50, {"app": None, "status": "looking"}, None)),
    ("/apps/shop/deployments?stack=eu-1", ("deployment", 50, "eu-1", None)),
    ("/promotions?app=shop&status=failed", ("rollout", 50, {"app": "shop", "status": "failed"}, None)),
    ("/rollouts?app=shop", ("rollout", 50, {"app": "shop", "status": None}, None)),
    ("/history", ("fact", 50, {"app": None, "after": None, "before": None}, None)),
    ("/history?app=shop&after=3&limit=2", ("fact", 2, {"app": "shop", "after": 3, "before": None}, None)),
    ("/history?before=9&cursor=next", ("fact", 50, {"app": None, "after": None, "before": 9}, "next")),
    ("/apps/shop/logs", ("log", 50, {"stack": None, "deployment": None}, None)),
    ("/apps/shop/logs?stack=eu-1&after=7", ("log", 50, {"stack": "eu-1", "deployment": None}, cursor_of(7))),
    ("/apps/shop/logs?after=7&cursor=next", ("log", 50, {"stack": None, "deployment": None}, "next")),
]


@pytest.mark.parametrize(("path", "asked"), LISTS, ids=[path for path, _ in LISTS])
async def test_a_list_is_asked_for_as_the_path_says(house: House, path: str, asked: tuple[object, ...]) -> None:
    house.readmodel.hold(TEAM, "app", "shop", APP)
    response = await house.client.get(f"/api/v1{path}")
    assert response.status_code == 200
    assert set(response.json()) == {"items", "next"}
    assert house.readmodel.asked == [asked]


@pytest.mark.parametrize("path", ["/apps", "/stacks", "/pipelines", "/rollouts", "/promotions", "/history", "/tokens"])
async def test_a_cursor_of_no_list_is_refused(house: House, path: str) -> None:
    assert problem_of(await house.client.get(f"/api/v1{path}?cursor=x")) == (422, "cursor-invalid")


@pytest.mark.parametrize("path", ["/releases", "/deployments", "/runs", "/logs", "/logs/events"])
async def test_lists_of_an_unknown_app_are_unknown(house: House, path: str) -> None:
    house.readmodel.hold(TEAM, "app", "shop", APP)
    assert problem_of(await house.client.get(f"/api/v1/apps/shop-typo{path}")) == (404, "app-unknown")
    assert problem_of(await house.other.get(f"/api/v1/apps/shop{path}")) == (404, "app-unknown")


async def test_the_logs_of_a_destroyed_app_are_found_by_their_deployment(house: House) -> None:
    house.readmodel.hold(TEAM, "deployment", "r-1.eu-1", DEPLOYMENT)
    assert (await house.client.get("/api/v1/apps/shop/logs?deployment=r-1.eu-1")).status_code == 200
    for path in ("shop/logs?deployment=r-1.us-1", "other/logs?deployment=r-1.eu-1"):
        assert problem_of(await house.client.get(f"/api/v1/apps/{path}")) == (404, "deployment-unknown")


@pytest.mark.parametrize("path", ["logs", "logs/events"])
async def test_the_lines_of_an_unknown_run_are_unknown(house: House, path: str) -> None:
    assert problem_of(await house.client.get(f"/api/v1/apps/shop/{path}?deployment=x-1%23run")) == (404, "run-unknown")
    house.readmodel.hold(TEAM, "run", "x-1", RUN)
    assert problem_of(await house.client.get(f"/api/v1/apps/other/{path}?deployment=x-1%23run")) == (404, "run-unknown")
    assert problem_of(await house.other.get(f"/api/v1/apps/shop/{path}?deployment=x-1%23run")) == (404, "run-unknown")
    assert problem_of(await house.client.get(f"/api/v1/apps/shop/{path}?deployment=x-1")) == (404, "deployment-unknown")


async def test_the_lines_of_a_run_are_asked_for_by_its_job(house: House) -> None:
    house.readmodel.hold(TEAM, "run", "x-1", RUN)
    assert (await house.client.get("/api/v1/apps/shop/logs?deployment=x-1%23run")).status_code == 200
    assert house.readmodel.asked == [("log", 50, {"stack": None, "deployment": "x-1#run"}, None)]


async def test_a_run_is_shown_to_its_team_as_one_of_its_app(house: House) -> None:
    house.readmodel.hold(TEAM, "run", "x-1", RUN)
    assert (await house.client.get("/api/v1/apps/shop/runs/x-1")).json() == RUN.model_dump()
    assert problem_of(await house.client.get("/api/v1/apps/other/runs/x-1")) == (404, "run-unknown")
    assert problem_of(await house.other.get("/api/v1/apps/shop/runs/x-1")) == (404, "run-unknown")


async def test_a_release_is_shown_with_what_became_of_it(house: House) -> None:
    house.readmodel.hold(TEAM, "release", "shop/v3", RELEASE)
    assert (await house.client.get("/api/v1/apps/shop/releases/3")).json() == RELEASE.model_dump()
    assert problem_of(await house.client.get("/api/v1/apps/shop/releases/4")) == (404, "release-unknown")
    assert problem_of(await house.other.get("/api/v1/apps/shop/releases/3")) == (404, "release-unknown")
    assert problem_of(await house.client.get("/api/v1/apps/shop/releases/v3")) == (422, "invalid-request")


async def test_the_history_goes_one_way_at_a_time(house: House) -> None:
    response = await house.client.get("/api/v1/history?after=1&before=3")
    assert problem_of(response) == (422, "invalid-request")


async def test_an_unknown_status_is_refused(house: House) -> None:
    assert problem_of(await house.client.get("/api/v1/promotions?status=lost")) == (422, "invalid-request")


async def test_what_is_nowhere_is_said_in_the_same_form(house: House) -> None:
    assert problem_of(await house.client.get("/api/v1/nothing")) == (404, "path-unknown")
    assert problem_of(await house.anonymous.get("/nothing")) == (404, "path-unknown")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/api/v1/apps", "GET, POST"),
        ("POST", "/api/v1/apps/shop", "DELETE, GET"),
        ("DELETE", "/api/v1/me", "GET"),
        ("POST", "/healthz", "GET"),
        ("TRACE", "/api/v1/events", "GET"),
    ],
)
async def test_a_method_that_a_path_has_not_is_refused_with_those_it_has(
    house: House, method: str, path: str, allowed: str
) -> None:
    response = await house.client.request(method, path)
    assert problem_of(response) == (405, "method-not-allowed")
    assert response.headers["allow"] == allowed
