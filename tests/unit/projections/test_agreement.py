"""Whatever happens to a team, the read model says what the promoter knows; and it does not matter in which batches."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.bench.histories import Chronicle, promoted, shop
from tests.real.databases import BOTH, new_database
from tests.unit.projections.house import House, at_new_offsets, dump, empty
from tests.unit.projections.remembering import Remembering
from tests.unit.projections.tumult import tumult

from ownstack_contracts.config import ConfigSet, ConfigValue
from ownstack_contracts.reviews import AppCloned
from ownstack_projections.facts import read
from ownstack_promoter.domain import Team
from ownstack_promoter.model import App, Holding, Pipeline
from ownstack_promoter.underway import Rollout
from ownstack_readmodel import ReadModel, open_readmodel
from ownstack_readmodel.shadows import Shadows
from ownstack_readmodel.views import AppStackView, AppView, Page, PipelineView, RolloutView, RunView

LIGHT = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module", params=BOTH)
def readmodel(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ReadModel]:
    with new_database(request.param, tmp_path_factory.mktemp("agreement")) as url:
        readmodel = open_readmodel(url, threading.Lock())
        yield readmodel
        readmodel.close()


def _begun(seed: int) -> Chronicle:
    chronicle = shop(Remembering(), 2, ("noop", "program")[seed % 2])  # type: ignore[arg-type]  # one of them
    promoted(chronicle, 1)
    return chronicle


@given(seed=st.integers(0, 2**32))
@LIGHT
def test_the_read_model_says_what_the_promoter_knows(readmodel: ReadModel, seed: int) -> None:
    chronicle = tumult(_begun(seed), seed)
    empty(readmodel)
    asyncio.run(agrees(House(readmodel), chronicle))


async def agrees(house: House, chronicle: Chronicle) -> None:
    """The read model holds all facts, and shows the state of the team that made them."""
    await house.take(chronicle.records, batch=17)
    team, model = chronicle.team, house.readmodel
    assert await model.last_sequence("acme") == team.sequence
    pipelines = {view.production: view for view in (await model.pipelines("acme")).items}
    assert set(pipelines) == set(team.pipelines)
    for name, pipeline in team.pipelines.items():
        _pipeline_agrees(pipelines[name], pipeline)
    assert {s.name: (s.address, s.settings) for s in (await model.stacks("acme")).items} == {
        name: (stack.address, stack.settings) for name, stack in team.stacks.items()
    }
    views = {view.name: view for view in (await model.apps("acme")).items}
    assert set(views) == set(team.apps)
    for name, app in team.apps.items():
        _app_agrees(views[name], app)
        assert views[name].current_release == team.current_release(app)
        known, shown = team.reviews.get(name), views[name].review
        assert (shown and (shown.number, shown.closing)) == (known and (known.number, known.closing))
        await _config_agrees(model, app, chronicle)
    for rollout in team.rollouts.values():
        view = await model.rollout("acme", rollout.id)
        assert view is not None
        _rollout_agrees(view, rollout)
    looking = await model.promotions("acme", 200, status="looking")
    assert {(p.id, p.source, p.source_release, p.app) for p in looking.items} == {
        (p.id, p.source, p.expected, p.target) for p in team.lookings.values()
    }
    resolving = await model.rollouts("acme", 200, status="resolving")
    assert {(r.id, r.app, r.reference) for r in resolving.items} == {
        (r.id, r.app, r.reference) for r in team.resolvings.values()
    }
    with model.reading() as connection:
        assert {job for (job,) in connection.exec_driver_sql("SELECT job FROM rm_image_jobs")} == set(team.image_jobs)
    for name, app in team.apps.items():
        _runs_agree((await model.runs("acme", name, 200)), app, team)


def _app_agrees(view: AppView, app: App) -> None:
    assert (view.id, view.rollout, view.queue) == (app.id, app.active, app.queue)
    assert view.settings.model_dump() == {
        "release_task": app.settings.release_task,
        "postdeploy": app.settings.postdeploy,
        "waiting_deadline": app.settings.waiting_deadline,
        "running_deadline": app.settings.running_deadline,
        "retag": app.settings.retag,
        "retag_to": app.settings.retag_to or None,
    }
    assert [stack.stack for stack in view.stacks] == list(app.stacks)
    for stack in view.stacks:
        holding = app.live.get(stack.stack)
        _holding_agrees(stack, holding)
        is_old = holding is not None and holding.config_fingerprint != app.config.fingerprint_on(stack.stack)
        assert stack.config_outdated == is_old


def _pipeline_agrees(view: PipelineView, pipeline: Pipeline) -> None:
    assert [stage.app for stage in view.stages] == pipeline.stages
    known, shown = pipeline.reviews, view.review_apps
    assert (shown and (shown.stack, shown.image, shown.expires, shown.forks)) == (
        known and (known.stack, known.image, known.expires, known.forks)
    )


_Variable = tuple[str | None, bool, str]
"""Its stack, whether it is for review apps, and its name."""


async def _config_agrees(model: ReadModel, app: App, chronicle: Chronicle) -> None:
    """All variables are those of the promoter, and each says who set it last."""
    shown, kept = await model.config("acme", app.name), await model.sealed_config("acme", app.name)
    assert shown is not None
    assert kept is not None
    known: dict[_Variable, ConfigValue] = {(None, False, name): value for name, value in app.config.shared.items()}
    known |= {(stack, False, name): v for stack, own in app.config.stacks.items() for name, v in own.items()}
    known |= {(None, True, name): value for name, value in app.review_config.items()}
    assert (shown.app_id, kept.app_id, kept.stacks) == (app.id, app.id, tuple(app.stacks))
    assert {
        (v.stack, v.review, v.name): ConfigValue(sealed=v.sealed, fingerprint=v.fingerprint, secret=v.secret)
        for v in kept.variables
    } == known
    places = [(v.review, v.stack or "", v.name) for v in shown.variables]
    assert places == sorted(places) == [(v.review, v.stack or "", v.name) for v in kept.variables]
    setters = _setters(chronicle, app.id)
    for v in shown.variables:
        place = (v.stack, v.review, v.name)
        assert (v.fingerprint, v.secret) == (known[place].fingerprint, known[place].secret)
        assert (v.actor, v.at, v.sequence) == setters[place]


def _setters(chronicle: Chronicle, app_id: str) -> dict[_Variable, tuple[str | None, int, int]]:
    """By the history: who set a variable last, when, and with which fact."""
    found: dict[_Variable, tuple[str | None, int, int]] = {}
    for message, stamp, *_ in map(read, chronicle.records):
        if isinstance(message, ConfigSet | AppCloned) and message.app_id == app_id:
            stack, review = (message.stack, message.review) if isinstance(message, ConfigSet) else (None, False)
            found |= {(stack, review, name): (stamp.actor, stamp.at, stamp.sequence) for name in message.values}
    return found


def _holding_agrees(view: AppStackView, holding: Holding | None) -> None:
    assert (view.status == "live") == (holding is not None)
    if holding is not None:
        assert view.live is not None
        assert (view.live.image, view.live.generation) == (holding.image, holding.generation)
        assert view.live.reference == holding.reference
        assert view.live.drift == view.drift
        assert view.live.deployment == holding.deployment
        assert holding.release in (view.live.release, None)


def _runs_agree(page: Page[RunView] | None, app: App, team: Team) -> None:
    """Those that are open here are open there."""
    assert page is not None
    jobs = {name: job for name, job in team.jobs.items() if job.kind == "run" and job.request.app_id == app.id}
    assert {run.job: run.stack for run in page.items if run.ended_at is None} == {
        name: job.request.stack for name, job in jobs.items()
    }
    for run in page.items:
        assert (run.ended_at is None) == (run.status in ("asked", "running"))
        assert (run.status == "running") == (run.job in {grant.job for grant in team.grants.values()} & set(jobs))


def _rollout_agrees(view: RolloutView, rollout: Rollout) -> None:
    assert (view.status in ("queued", "running")) == (rollout.state != "ended")
    assert (view.status == "queued") == (rollout.state == "queued")
    assert view.release == rollout.release
    assert view.config_change == rollout.config_change
    assert (view.image, view.rolled_back_to) == (rollout.image, rollout.rolled_back_to)
    if rollout.state == "queued":
        return
    for stack in view.stacks:
        deployment = rollout.deployments[stack.stack]
        assert (stack.attempt, stack.code) == (deployment.attempt, deployment.code)
        assert (stack.ended_at is None) == deployment.is_open
        assert stack.state == deployment.state or deployment.is_open


@given(seed=st.integers(0, 2**32), cuts=st.lists(st.integers(1, 40), min_size=1), restarts=st.integers(0, 3))
@LIGHT
def test_batches_doubles_and_restarts_do_not_matter(
    readmodel: ReadModel, seed: int, cuts: list[int], restarts: int
) -> None:
    chronicle = tumult(_begun(seed), seed)
    empty(readmodel)
    asyncio.run(House(readmodel).take(chronicle.records, batch=100_000))
    at_once = dump(readmodel, but=("rm_positions",))
    empty(readmodel)
    asyncio.run(_in_pieces(House(readmodel), chronicle, cuts, restarts))
    assert dump(readmodel, but=("rm_positions",)) == at_once


@given(seed=st.integers(0, 2**32))
@LIGHT
def test_tables_that_are_built_anew_hold_the_same(readmodel: ReadModel, seed: int) -> None:
    chronicle = tumult(_begun(seed), seed)
    empty(readmodel)
    asyncio.run(House(readmodel).take(chronicle.records, batch=31))
    projected = dump(readmodel)
    shadows = Shadows(readmodel, f"of{seed}")
    shadows.create()
    asyncio.run(House(readmodel, shadows.suffix).take(chronicle.records, batch=100_000))
    shadows.exchange()
    shadows.drop()
    assert dump(readmodel) == projected


async def _in_pieces(house: House, chronicle: Chronicle, cuts: list[int], restarts: int) -> None:
    """Pieces of the lengths `cuts`, over and over; of each the beginning of the next comes twice."""
    records, start, number = chronicle.records, 0, 0
    pieces = []
    while start < len(records):
        length = cuts[number % len(cuts)]
        pieces.append(records[start : start + length + 3])
        start, number = start + length, number + 1
    given = at_new_offsets([record for piece in pieces for record in piece])
    taken = 0
    for number, piece in enumerate(pieces):
        taken += len(piece)
        await house.take(given[:taken])
        if restarts and number % (restarts + 1) == 0:
            await house.restart()
