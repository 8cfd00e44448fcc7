"""What is shown of rollouts, deployments and post-deploy scripts."""

from __future__ import annotations

from tests.bench.histories import Chronicle, image, live_of, promoted
from tests.unit.projections.asking import (
    ONE,
    SHORT,
    TWO,
    about,
    app_of,
    asked,
    command_of,
    deployment_of,
    fails_on,
    rollout_of,
)
from tests.unit.projections.house import House
from tests.unit.projections.remembering import looked

from ownstack_contracts.apps import AppSettingsChanged
from ownstack_contracts.jobs import PostdeployRequested
from ownstack_contracts.leases import LeaseLapsed
from ownstack_contracts.promotions import PromotionCancelRequested, PromotionRequested
from ownstack_contracts.reports import (
    ReleaseTaskStarted,
    ReleaseTaskSucceeded,
    RestartStarted,
    StackDeployFailed,
    StackDeploySucceeded,
)
from ownstack_contracts.rollouts import DeployRequested, StackRetryRequested


async def test_a_promotion_shows_each_stack_and_a_retry_beside_what_the_end_recorded(
    house: House, chronicle: Chronicle
) -> None:
    chronicle.play(chronicle.say(DeployRequested(app="shop-staging", image=ONE)))
    facts = looked(chronicle, chronicle.say(PromotionRequested(app="shop-staging"), id="p"))
    fails_on(chronicle, "eu-2", facts)
    await house.take(chronicle.records)
    promotion = await rollout_of(house, "p")
    assert (promotion.kind, promotion.status) == ("promotion", "partially-succeeded")
    assert (promotion.source, promotion.source_release, promotion.release) == ("shop-staging", 1, 1)
    assert (promotion.requester, promotion.code) == ("token:ann", "stacks-failed")
    assert [(s.stack, s.state, s.outcome, s.code) for s in promotion.stacks] == [
        ("eu-1", "succeeded", "succeeded", None),
        ("eu-2", "failed", "failed", "exit-1"),
        ("eu-3", "succeeded", "succeeded", None),
    ]
    assert [(p.stack, p.state) for p in promotion.postdeploys] == [("eu-1", "succeeded")]

    retry = chronicle.say(StackRetryRequested(app="shop", stack="eu-2"), id="again")
    await house.take(chronicle.records)
    assert (await app_of(house)).rollout == "p"
    assert (await command_of(house, "again")).rollout == "p"
    chronicle.play(retry)
    await house.take(chronicle.records)
    promotion = await rollout_of(house, "p")
    assert promotion.status == "partially-succeeded"
    retried = promotion.stacks[1]
    assert (retried.state, retried.outcome, retried.attempt, retried.code) == ("succeeded", "failed", 2, None)
    attempts = (await deployment_of(house, "p.eu-2")).attempts
    assert [(a.attempt, a.state, a.code) for a in attempts] == [
        (1, "failed", "exit-1"),
        (2, "succeeded", None),
    ]
    assert (await app_of(house)).rollout is None


async def test_a_script_after_which_a_stack_is_retried_does_not_let_the_app_go_too_early(
    house: House, chronicle: Chronicle
) -> None:
    facts = chronicle.say(DeployRequested(app="shop", image=ONE), id="d")
    fails_on(chronicle, "eu-2", facts)
    chronicle.play(chronicle.say(StackRetryRequested(app="shop", stack="eu-2")))
    chronicle.say(DeployRequested(app="shop", image=TWO, stacks=("eu-1",)), id="e")
    chronicle.say(DeployRequested(app="shop", image=ONE, stacks=("eu-3",), redeploy=True), id="f")
    await house.take(chronicle.records)
    app = await app_of(house)
    assert (app.rollout, app.queue) == ("e", ["f"])
    assert chronicle.team.apps["shop"].active == "e"


async def test_the_phases_of_an_attempt_have_times_and_outcomes(house: House, chronicle: Chronicle) -> None:
    request = asked(chronicle.say(DeployRequested(app="shop", image=ONE), id="d"), "eu-1")
    run = chronicle.claim(request)
    chronicle.say(ReleaseTaskStarted(**about(request, run)))
    started = chronicle.now
    await house.take(chronicle.records)
    (attempt,) = (await deployment_of(house, "d.eu-1")).attempts
    assert (attempt.state, attempt.deployer_run, attempt.runs) == ("release-task", run, 1)
    assert [(p.phase, p.started_at, p.ended_at, p.outcome) for p in attempt.phases] == [
        ("release-task", started, None, "running")
    ]
    chronicle.say(ReleaseTaskSucceeded(**about(request, run)))
    done = chronicle.now
    chronicle.say(RestartStarted(**about(request, run)))
    restarted = chronicle.now
    failed = {"phase": "restart", "code": "unhealthy", "message": "No answer on /healthz."}
    chronicle.say(StackDeployFailed(**about(request, run), **failed))
    await house.take(chronicle.records)
    deployment = await deployment_of(house, "d.eu-1")
    (attempt,) = deployment.attempts
    assert (attempt.state, attempt.code, attempt.ended_at) == ("failed", "unhealthy", chronicle.now)
    assert [(p.phase, p.started_at, p.ended_at, p.outcome) for p in attempt.phases] == [
        ("release-task", started, done, "succeeded"),
        ("restart", restarted, chronicle.now, "failed"),
    ]
    assert (deployment.state, deployment.code, deployment.message) == ("failed", "unhealthy", "No answer on /healthz.")
    assert deployment.ended_at == chronicle.now


async def test_a_run_that_lapsed_is_counted_and_its_phase_is_unknown_until_somebody_looked(
    house: House, chronicle: Chronicle
) -> None:
    request = asked(chronicle.say(DeployRequested(app="shop", image=ONE, stacks=("eu-1",)), id="d"), "eu-1")
    run = chronicle.claim(request)
    chronicle.say(RestartStarted(**about(request, run)))
    chronicle.say(LeaseLapsed(**about(request, run)))
    await house.take(chronicle.records)
    (attempt,) = (await deployment_of(house, "d.eu-1")).attempts
    assert (attempt.state, attempt.runs, attempt.lapses) == ("asked", 1, 1)
    assert [phase.outcome for phase in attempt.phases] == ["unknown"]
    second = chronicle.claim(request)
    chronicle.say(StackDeploySucceeded(**about(request, second), live=live_of(request, "acme")))
    await house.take(chronicle.records)
    (attempt,) = (await deployment_of(house, "d.eu-1")).attempts
    assert (attempt.state, attempt.runs, attempt.lapses, attempt.deployer_run) == ("succeeded", 2, 1, second)
    assert [phase.outcome for phase in attempt.phases] == ["succeeded"]


async def test_a_deployment_that_nobody_began_expires(house: House, chronicle: Chronicle) -> None:
    chronicle.say(DeployRequested(app="shop", image=ONE), id="d")
    chronicle.wait(901)
    await house.take(chronicle.records)
    rollout = await rollout_of(house, "d")
    assert rollout.status == "failed"
    assert {(s.state, s.code, s.message) for s in rollout.stacks} == {
        ("expired", "waiting-deadline", "No deployer began before the waiting deadline.")
    }


async def test_a_lost_post_deploy_script_is_unknown_and_its_retry_is_another(
    house: House, chronicle: Chronicle
) -> None:
    facts = chronicle.say(DeployRequested(app="shop", image=ONE, stacks=("eu-1",)), id="d")
    (script,) = (f for f in chronicle.work(asked(facts, "eu-1")) if isinstance(f, PostdeployRequested))
    chronicle.say(LeaseLapsed(**about(script, chronicle.claim(script))))
    chronicle.play(chronicle.say(StackRetryRequested(app="shop", postdeploy=True)))
    await house.take(chronicle.records)
    rollout = await rollout_of(house, "d")
    assert rollout.status == "partially-succeeded"
    assert [(p.attempt, p.state, p.code) for p in rollout.postdeploys] == [
        (1, "unknown", "run-lost"),
        (2, "succeeded", None),
    ]
    assert (await app_of(house)).rollout is None
    assert (await deployment_of(house, "d.eu-1")).postdeploys == rollout.postdeploys


async def test_a_queued_rollout_shows_its_stacks_and_who_took_its_place(house: House, chronicle: Chronicle) -> None:
    chronicle.say(DeployRequested(app="shop", image=ONE), id="first")
    chronicle.say(DeployRequested(app="shop", image=TWO), id="second")
    await house.take(chronicle.records)
    assert (await app_of(house)).queue == ["second"]
    second = await rollout_of(house, "second")
    assert (second.status, second.behind, second.release) == ("queued", "first", None)
    assert [(s.stack, s.state, s.attempt) for s in second.stacks] == [
        ("eu-1", "pending", 0),
        ("eu-2", "pending", 0),
        ("eu-3", "pending", 0),
    ]
    assert await house.readmodel.deployment("acme", "second.eu-1") is None
    chronicle.say(DeployRequested(app="shop", image=image(3)), id="third")
    await house.take(chronicle.records)
    second = await rollout_of(house, "second")
    assert (second.status, second.superseded_by) == ("superseded", "third")
    assert {(s.state, s.outcome) for s in second.stacks} == {("superseded", "superseded")}
    assert (await app_of(house)).queue == ["third"]


async def test_cancelling_shows_on_the_stacks_that_had_not_begun(house: House, chronicle: Chronicle) -> None:
    chronicle.play(chronicle.say(DeployRequested(app="shop-staging", image=ONE)))
    facts = looked(chronicle, chronicle.say(PromotionRequested(app="shop-staging"), id="p"))
    begun = asked(facts, "eu-1")
    chronicle.claim(begun)
    chronicle.say(PromotionCancelRequested(promotion="p"), id="stop")
    await house.take(chronicle.records)
    assert [s.state for s in (await rollout_of(house, "p")).stacks] == ["granted", "cancelled", "cancelled"]
    assert (await command_of(house, "stop")).rollout == "p"


async def test_what_a_stack_holds_already_is_unchanged(house: House, chronicle: Chronicle) -> None:
    promoted(chronicle, 1)
    chronicle.say(DeployRequested(app="shop", image=ONE), id="same")
    await house.take(chronicle.records)
    rollout = await rollout_of(house, "same")
    assert (rollout.status, rollout.release) == ("succeeded", 2)
    assert {(s.state, s.attempt, s.ended_at) for s in rollout.stacks} == {("unchanged", 0, chronicle.now)}
    assert (await app_of(house)).summary == f"shop — deployed v2 {SHORT}"


async def test_with_first_stack_the_others_are_skipped_when_its_release_task_fails(
    house: House, chronicle: Chronicle
) -> None:
    chronicle.say(AppSettingsChanged(app="shop", release_task="first-stack"))
    facts = chronicle.say(DeployRequested(app="shop", image=ONE), id="d")
    fails_on(chronicle, "eu-1", facts)
    await house.take(chronicle.records)
    assert [(s.state, s.attempt, s.code) for s in (await rollout_of(house, "d")).stacks] == [
        ("failed", 1, "exit-1"),
        ("skipped", 0, "first-stack-failed"),
        ("skipped", 0, "first-stack-failed"),
    ]


async def test_a_stack_that_was_skipped_is_tried_for_the_first_time_and_holds_the_app_meanwhile(
    house: House, chronicle: Chronicle
) -> None:
    chronicle.say(AppSettingsChanged(app="shop", release_task="first-stack"))
    fails_on(chronicle, "eu-1", chronicle.say(DeployRequested(app="shop", image=ONE), id="d"))
    retry = chronicle.say(StackRetryRequested(app="shop", stack="eu-2"))
    await house.take(chronicle.records)
    assert (await app_of(house)).rollout == "d"
    chronicle.play(retry)
    await house.take(chronicle.records)
    assert (await app_of(house)).rollout is None
    assert [(s.state, s.attempt, s.outcome) for s in (await rollout_of(house, "d")).stacks] == [
        ("failed", 1, "failed"),
        ("succeeded", 1, "skipped"),
        ("skipped", 0, "skipped"),
    ]
