"""What is shown where something else is live than what we released there: drift; and images without a digest."""

from __future__ import annotations

import pytest
from tests.bench.histories import live_of, promoted
from tests.unit.projections.asking import ONE, SHORT, TWO, about, app_of, asked
from tests.unit.projections.house import House
from tests.unit.projections.remembering import Remembering

from ownstack_contracts.apps import AppStackAdded, LookRequested
from ownstack_contracts.jobs import Live, StackLookRequested
from ownstack_contracts.names import digest_of
from ownstack_contracts.reports import StackDeployFailed, StackDeploySucceeded, StackLookFailed, StackObserved
from ownstack_contracts.rollouts import DeployRequested
from ownstack_readmodel.views import AppStackView

SHORT_TWO = digest_of(TWO).partition(":")[2][:7]
BUILT = Live(reference="dokku/shop:latest")


@pytest.fixture
def chronicle(chronicle: Remembering) -> Remembering:
    """v1 is live everywhere."""
    promoted(chronicle, 1)
    return chronicle


async def seen(house: House, chronicle: Remembering, live: Live | None, stack: str = "eu-1") -> AppStackView:
    """What is shown of a stack once a look has found this there."""
    chronicle.leave("shop", stack, live)
    chronicle.play(chronicle.say(LookRequested(app="shop", stack=stack)))
    return await shown(house, chronicle, stack)


async def shown(house: House, chronicle: Remembering, stack: str = "eu-1") -> AppStackView:
    await house.take(chronicle.records)
    return next(view for view in (await app_of(house)).stacks if view.stack == stack)


async def test_what_we_released_is_no_drift(house: House, chronicle: Remembering) -> None:
    view = await seen(house, chronicle, chronicle.left("shop", "eu-1"))
    assert (view.drift, view.drift_seen_at, view.expected_release) == (False, None, 1)
    assert (view.code, view.message) == (None, None)
    assert view.live is not None
    assert view.live.drift is False


async def test_another_image_is_a_drift_and_a_deployment_ends_it(house: House, chronicle: Remembering) -> None:
    view = await seen(house, chronicle, Live(image=TWO))
    assert (view.drift, view.drift_seen_at, view.expected_release) == (True, chronicle.now, 1)
    assert (view.code, view.message) == (
        "drift",
        "eu-1 runs v2 instead of v1: somebody has deployed past us.",
    )
    assert view.live is not None
    assert (view.live.image, view.live.release, view.live.drift) == (TWO, 2, True)
    chronicle.play(chronicle.say(DeployRequested(app="shop", image=ONE, stacks=("eu-1",))))
    view = await shown(house, chronicle)
    assert (view.drift, view.expected_release, view.message) == (False, 3, None)


async def test_an_image_without_digest_is_a_drift_and_no_release(house: House, chronicle: Remembering) -> None:
    view = await seen(house, chronicle, BUILT)
    assert (view.status, view.summary) == ("live", "an image without digest (dokku/shop:latest)")
    assert view.live is not None
    assert (view.live.image, view.live.digest, view.live.reference, view.live.release) == (
        None,
        None,
        "dokku/shop:latest",
        None,
    )
    assert view.message == (
        "eu-1 runs an image without digest (dokku/shop:latest) instead of v1: somebody has deployed past us."
    )
    app = await app_of(house)
    assert app.current_release is None
    assert app.summary == (
        f"shop — an image without digest (dokku/shop:latest) on eu-1; deployed v1 {SHORT} on eu-2, eu-3"
    )
    for stack in ("eu-2", "eu-3"):
        await seen(house, chronicle, BUILT, stack)
    app = await app_of(house)
    assert (app.current_release, app.summary) == (None, "shop — an image without digest (dokku/shop:latest)")
    page = await house.readmodel.releases("acme", "shop")
    assert page is not None
    assert [(release.number, release.live_on) for release in page.items] == [(1, [])]


async def test_where_something_was_removed_past_us_it_is_a_drift(house: House, chronicle: Remembering) -> None:
    view = await seen(house, chronicle, None)
    assert (view.status, view.drift, view.live) == ("nothing", True, None)
    assert view.message == "eu-1 runs nothing instead of v1: somebody has removed it past us."


async def test_a_deployment_that_changed_nothing_says_what_is_expected(house: House, chronicle: Remembering) -> None:
    await seen(house, chronicle, Live(image=TWO))
    chronicle.play(chronicle.say(DeployRequested(app="shop", image=TWO, stacks=("eu-1",))))
    view = await shown(house, chronicle)
    assert (view.drift, view.expected_release, view.summary) == (False, 3, f"deployed v3 {SHORT_TWO}")


async def test_what_is_in_doubt_has_not_drifted_and_a_later_release_of_ours_is_none(
    house: House, chronicle: Remembering
) -> None:
    request = asked(chronicle.say(DeployRequested(app="shop", image=TWO, stacks=("eu-1",))), "eu-1")
    failed = {"phase": "restart", "code": "exit-1", "message": "It exited with 1."}
    (look,) = (
        fact
        for fact in chronicle.say(StackDeployFailed(**about(request, chronicle.claim(request)), **failed))
        if isinstance(fact, StackLookRequested)
    )
    view = await shown(house, chronicle)
    assert (view.status, view.drift, view.expected_release) == ("unknown", False, 1)
    chronicle.say(StackObserved(**about(look, chronicle.claim(look)), live=live_of(request, "acme")))
    view = await shown(house, chronicle)
    assert (view.status, view.drift, view.expected_release) == ("live", False, 2)


async def test_a_deployment_after_which_something_else_serves_is_a_drift_from_what_it_brought(
    house: House, chronicle: Remembering
) -> None:
    request = asked(chronicle.say(DeployRequested(app="shop", image=TWO, stacks=("eu-1",))), "eu-1")
    live = live_of(request, "acme").model_copy(update={"image": None, "reference": "built"})
    chronicle.say(StackDeploySucceeded(**about(request, chronicle.claim(request)), live=live))
    view = await shown(house, chronicle)
    assert (view.drift, view.expected_release) == (True, 2)


async def test_an_earlier_release_of_ours_is_a_drift(house: House, chronicle: Remembering) -> None:
    first = chronicle.left("shop", "eu-1")
    promoted(chronicle, 2)
    view = await seen(house, chronicle, first)
    assert (view.drift, view.message) == (True, "eu-1 runs v1 instead of v2: somebody has deployed past us.")


async def test_what_is_found_first_is_expected_from_then_on(house: House, chronicle: Remembering) -> None:
    chronicle.leave("shop", "staging-1", Live(image=TWO))
    chronicle.play(chronicle.say(AppStackAdded(app="shop", stack="staging-1")))
    view = await shown(house, chronicle, "staging-1")
    assert (view.drift, view.expected_release, view.live is not None and view.live.release) == (False, 2, 2)
    view = await seen(house, chronicle, Live(image=ONE), "staging-1")
    assert (view.drift, view.expected_release) == (True, 2)
    assert view.message == "staging-1 runs v1 instead of v2: somebody has deployed past us."


async def test_a_look_that_fails_is_told_beside_the_drift(house: House, chronicle: Remembering) -> None:
    await seen(house, chronicle, Live(image=TWO))
    (look,) = (f for f in chronicle.say(LookRequested(app="shop", stack="eu-1")) if isinstance(f, StackLookRequested))
    chronicle.say(StackLookFailed(**about(look, chronicle.claim(look)), code="unreachable", message="No answer."))
    view = await shown(house, chronicle)
    assert (view.drift, view.code) == (True, "unreachable")
    assert view.message == "eu-1 runs v2 instead of v1: somebody has deployed past us. No answer."
